import type { Berth, Crew, CrewParts, Nearer, Wanted } from '../../scheduler/crew.ts';
import type { TaskKind } from '../../scheduler/task-kind.ts';

/** How long the mesh may take to say whether tasks may be given away, in ms, until only this home is counted on. */
const PATIENCE = 5_000;

/**
 * The places of a run whose right to give tasks away comes a moment after it has begun, when its record stands in the mesh: until then, and if it never comes, they
 * are those of this home. What cannot be run here is said to have no place only when that is known, or after a while without an answer: a task is not told to wait, or
 * given up, for want of a member that is there.
 */
export class LateCrew implements Crew {
  #crew: Crew;
  #isSettled = false;
  readonly #giveUp: () => void;
  readonly #stop = new AbortController();

  /** `right`: resolves with what makes the crew of both, or with undefined if nothing may be given away. */
  constructor(parts: CrewParts, right: (signal: AbortSignal) => Promise<((parts: CrewParts) => Crew) | undefined>) {
    this.#crew = parts.local;
    const settle = (): void => {
      this.#giveUp();
      if (this.#stop.signal.aborted) return;
      this.#isSettled = true;
      parts.onChange();
    };
    this.#giveUp = parts.clock.after(PATIENCE, settle);
    const come = async (): Promise<void> => {
      const make = await right(this.#stop.signal);
      if (make !== undefined && !this.#stop.signal.aborted) this.#crew = make(parts);
    };
    // Who cannot say what the mesh thinks drives the run alone.
    come().then(settle, settle);
  }

  get held(): number {
    return this.#crew.held;
  }

  get hasIdle(): boolean {
    return this.#crew.hasIdle;
  }

  want(wanted: number): void {
    this.#crew.want(wanted);
  }

  mayRunHere(kind: TaskKind): boolean {
    return this.#crew.mayRunHere(kind);
  }

  berth(wanted: Wanted): Berth | undefined {
    return this.#crew.berth(wanted);
  }

  nearer(wanted: Wanted): Nearer | undefined {
    return this.#crew.nearer?.(wanted);
  }

  obstacle(kind: TaskKind): string | undefined {
    return this.#isSettled ? this.#crew.obstacle(kind) : undefined;
  }

  distrust(did: string, kind: TaskKind, why: string): void {
    this.#crew.distrust(did, kind, why);
  }

  praise(did: string, kind: TaskKind): void {
    this.#crew.praise(did, kind);
  }

  rest(): void {
    this.#crew.rest();
  }

  dismiss(): void {
    this.#crew.dismiss();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#giveUp();
    await this.#crew[Symbol.asyncDispose]();
  }
}
