import * as Key from '../receipt/key.ts';
import type { Lookup } from './lookup.ts';
import type { Policies } from './policies.ts';

/** A run that others may go on with at their homes. */
export interface Movable {
  /** Of this drive: grows from one to the next; 0 for the first. */
  readonly epoch: number;
  /** Those of earlier drives, here or elsewhere, the last of them first. */
  readonly before: readonly number[];
}

/**
 * Keys under which a run's finished tasks are filed for whoever goes on with it, where they have no declared key: they have grants, a module that may change, or an
 * author who wants no earlier results, are forced, or await such a task. What no other run may take is found so alone; a pure task that awaits others is found by its
 * resolved key too, but that is told by who ran it, and that one may be lost with who drove the run.
 * What is agreed on is not among them: votes are looked for and counted anew.
 *
 * Each drive has keys of its own. Who was taken for dead and comes back may still file what it finished, and no drive takes that for what a later one did.
 */
export class RunKeys {
  readonly #run: string;
  readonly #movable: Movable | undefined;
  readonly #policies: Policies;
  readonly #lookup: Lookup;

  /** `movable` undefined: nobody else goes on with the run. */
  constructor(run: string, movable: Movable | undefined, parts: { readonly policies: Policies; readonly lookup: Lookup }) {
    this.#run = run;
    this.#movable = movable;
    this.#policies = parts.policies;
    this.#lookup = parts.lookup;
  }

  /** Whether what an earlier drive filed of it comes before all else that is known: no other run's result may be taken for it, or one may that would be another. */
  comesFirst(task: number): boolean {
    if (this.#movable === undefined || this.#movable.before.length === 0 || !this.#isFor(task)) return false;
    return !(this.#policies.of(task).pure && this.#lookup.mayHit(task));
  }

  /** 32 bytes; undefined for a task that needs none. `key`: its resolved key. */
  of(task: number, key: Uint8Array): Uint8Array | undefined {
    return this.#movable !== undefined && this.#isFor(task) ? Key.ofRun(this.#run, this.#movable.epoch, task, key) : undefined;
  }

  /** Those of earlier drives, the last of them first; none for a task that needs none. What is to be run whatever is known was, if it is filed there. */
  before(task: number, key: Uint8Array): readonly Uint8Array[] {
    if (this.#movable === undefined || !this.#isFor(task)) return [];
    return this.#movable.before.map((epoch) => Key.ofRun(this.#run, epoch, task, key));
  }

  #isFor(task: number): boolean {
    return !this.#lookup.isVoted(task) && !this.#lookup.isClean(task);
  }
}
