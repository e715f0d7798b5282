import type { CID } from '../ipld/cid.ts';
import type { Clock } from '../base/clock.ts';

/**
 * Looks at tasks for all who wait for the same: however many follow a task, the ledger is asked once in `LOOK` ms.
 *
 * Invariants
 * T1. What is given was seen in the same turn of the loop in which it is given, so nobody decides by what was so earlier.
 * T2. There is a timer only for tasks that somebody waits for, one for each, and it ends by itself.
 */

/** Time between two looks whether a task has begun or its receipt is there, in ms. */
const LOOK = 50;

export class TaskLooks<T> {
  readonly #clock: Clock;
  readonly #look: (task: CID) => T;
  readonly #next = new Map<string, Promise<T>>();

  constructor(clock: Clock, look: (task: CID) => T) {
    this.#clock = clock;
    this.#look = look;
  }

  now(task: CID): T {
    return this.#look(task);
  }

  /** What is seen in a while. Throws what looking throws. */
  next(task: CID): Promise<T> {
    const name = task.toString();
    const pending = this.#next.get(name);
    if (pending !== undefined) return pending;
    const next = this.#later(name, task);
    this.#next.set(name, next);
    return next;
  }

  async #later(name: string, task: CID): Promise<T> {
    await new Promise<void>((resolve) => this.#clock.after(LOOK, resolve));
    this.#next.delete(name);
    return this.#look(task);
  }
}
