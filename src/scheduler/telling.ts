import type { RunEvent } from './events.ts';
import type { Settled } from './state.ts';

type End = Extract<RunEvent, { readonly kind: 'settled' }>;

interface TellingOptions {
  readonly onEvent: (event: RunEvent) => void;
  /** Resolves when what is committed by now is kept where those find it who may go on with the run. Undefined: nobody else may. */
  readonly kept: (() => Promise<void>) | undefined;
  /** How the task stands settled now. */
  readonly standing: (task: number) => Settled | undefined;
  /** `go` is to be called in a turn of the run. */
  readonly later: (go: () => void) => void;
}

interface Entry {
  readonly event: End;
  readonly result: Settled;
  /** Number of the commit that holds its row. */
  readonly commit: number;
}

/**
 * Tells how tasks ended: not when it is known, but when it cannot be lost any more.
 *
 * Invariants
 * W1. An end is told once the commit of its row has resolved, and `kept` after it. One whose commit failed is never told.
 *     Of a run that is cancelled or handed over nobody waits for `kept`: whoever stops it would wait for a mesh that may be away.
 * W2. Ends are told in the order in which they came about.
 * W3. One that stands no longer when it may be told is not: its output was gone, and the task is told when it has ended anew.
 */
export class Telling {
  readonly #options: TellingOptions;
  /** In order of their commits. */
  #waiting: Entry[] = [];
  #committed = 0;
  #kept = 0;
  #isHurried = false;

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  /** Nothing waits to be told. */
  get isDone(): boolean {
    return this.#waiting.length === 0;
  }

  settled(event: End, result: Settled, commit: number): void {
    this.#waiting.push({ event, result, commit });
    if (commit <= this.#kept) this.#tell();
  }

  /** This commit has resolved, and all before it. */
  committed(commit: number): void {
    const { kept } = this.#options;
    this.#committed = commit;
    if (kept === undefined || this.#isHurried || this.isDone) return this.#tellUpTo(commit);
    // Where it cannot be kept, and nobody can tell whether it is, progress is told all the same.
    const go = (): void => this.#options.later(() => this.#tellUpTo(commit));
    kept().then(go, go);
  }

  /** From now on what is committed is told. */
  hurry(): void {
    this.#isHurried = true;
    this.#tellUpTo(this.#committed);
  }

  /** What is not committed by now never will be. */
  lose(): void {
    this.#waiting = this.#waiting.filter(({ commit }) => commit <= this.#committed);
  }

  #tellUpTo(commit: number): void {
    this.#kept = Math.max(this.#kept, commit);
    this.#tell();
  }

  #tell(): void {
    const { onEvent, standing } = this.#options;
    const next = this.#waiting.findIndex(({ commit }) => commit > this.#kept);
    for (const { event, result } of this.#waiting.splice(0, next < 0 ? this.#waiting.length : next))
      if (standing(event.task) === result) onEvent(event);
  }
}
