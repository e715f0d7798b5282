import * as Key from '../receipt/key.ts';
import type { Lookup } from './lookup.ts';
import type { Policies } from './policies.ts';

/** A run that others may go on with at their homes. */
export interface Movable {
  /** Whether there was an earlier drive, here or elsewhere. */
  readonly wasDriven: boolean;
}

/**
 * Keys under which a run's finished tasks are filed for whoever goes on with it, where no other run may take them: they have grants, a module that may change, or an
 * author who wants no earlier results. All others are found by their declared and resolved keys.
 * What is agreed on is not among them: votes are looked for and counted anew.
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

  /** 32 bytes; undefined for a task that needs none. `key`: its resolved key. */
  of(task: number, key: Uint8Array): Uint8Array | undefined {
    if (this.#movable === undefined || this.#lookup.isVoted(task)) return undefined;
    const isForAll = this.#policies.of(task).pure && this.#lookup.isMemoized(task);
    return isForAll ? undefined : Key.ofRun(this.#run, task, key);
  }

  /** The same of a task that an earlier drive may have finished. */
  before(task: number, key: Uint8Array): Uint8Array | undefined {
    return this.#movable?.wasDriven === true && !this.#lookup.isForced(task) ? this.of(task, key) : undefined;
  }
}
