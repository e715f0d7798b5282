import type { Clock } from '../base/clock.ts';

/** The timers of tasks that rest before their next attempt. */
export class Rests {
  readonly #clock: Clock;
  readonly #onRested: (task: number) => void;
  readonly #cancels = new Map<number, () => void>();

  constructor(clock: Clock, onRested: (task: number) => void) {
    this.#clock = clock;
    this.#onRested = onRested;
  }

  /** `after` in ms. */
  begin(task: number, after: number): void {
    const cancel = this.#clock.after(after, () => {
      this.#cancels.delete(task);
      this.#onRested(task);
    });
    this.#cancels.set(task, cancel);
  }

  /** Nobody is called any more, and no timer keeps the process alive. */
  cancelAll(): void {
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
  }
}
