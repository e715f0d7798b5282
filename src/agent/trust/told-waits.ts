import type { Clock } from '../../base/clock.ts';
import type { MemoTable } from '../../ledger/ledger.ts';

/** Numbers of the last rows of both tables. */
export type Rows = Readonly<Record<MemoTable, number>>;

interface Options {
  readonly clock: Clock;
  /** Whether the mesh was told of these rows and all before them. */
  readonly isTold: (upTo: Rows) => boolean;
}

interface Wait {
  readonly upTo: Rows;
  readonly resolve: () => void;
}

/**
 * Who waits until a mesh was told of what is filed.
 *
 * Invariants
 * W1. Whoever waits is let go when the mesh was told of the rows they wait for, when their time is over, and when all are let go.
 * W2. The patience with a mesh that takes nothing is counted from when it last took something, or first took nothing, whoever waits then: in an outage of hours
 *     only the first wait for it.
 */
export class ToldWaits {
  readonly #options: Options;
  readonly #waiting = new Set<Wait>();
  /** In ms of the monotonic clock. */
  #stuckSince: number | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The mesh takes nothing, or there is something that it has not taken yet. */
  stuck(): void {
    this.#stuckSince ??= this.#options.clock.monotonic();
  }

  /** It took something, or may from now on. */
  moved(): void {
    for (const { upTo, resolve } of this.#waiting) if (this.#options.isTold(upTo)) resolve();
    this.#stuckSince = undefined;
    if (this.#waiting.size > 0) this.stuck();
  }

  /** Resolves when the mesh was told of these rows, or after so many ms. */
  async told(upTo: Rows, ms: number): Promise<void> {
    await this.#wait(upTo, ms);
  }

  /** The same, or when the mesh has taken nothing for so many ms. */
  async kept(upTo: Rows, ms: number): Promise<void> {
    for (;;) {
      this.stuck();
      const since = this.#stuckSince!;
      const isOver = await this.#wait(upTo, since + ms - this.#options.clock.monotonic());
      if (isOver || this.#stuckSince === since) return;
    }
  }

  /** Nobody waits any longer. */
  letGo(): void {
    for (const { resolve } of this.#waiting) resolve();
  }

  /** False if the time was over first. */
  async #wait(upTo: Rows, ms: number): Promise<boolean> {
    if (this.#options.isTold(upTo)) return true;
    if (ms <= 0) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const end = (isTold: boolean): void => {
      this.#waiting.delete(wait);
      stopTimer();
      resolve(isTold);
    };
    const wait = { upTo, resolve: () => end(true) };
    const stopTimer = this.#options.clock.after(ms, () => end(false));
    this.#waiting.add(wait);
    return await promise;
  }
}
