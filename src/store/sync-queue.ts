import { open } from 'node:fs/promises';
import { mapConcurrent } from '../base/limit-concurrency.ts';

/**
 * Group commit for fsync: many callers share one fsync of the same file or folder.
 *
 * Invariants
 * 1. A call resolves only after an fsync that *began* after the call: requests made while a round runs go to the next.
 * 2. One round runs at a time; the next begins as soon as it ends, if anything waits.
 * 3. A failed fsync fails every caller that asked for that path, and is not tried again on their behalf: after a failed
 *    fsync the kernel may report success for pages it has dropped.
 */

/** More than Node's thread pool runs at once by default; the disk's journal merges what arrives together. */
const PARALLEL = 16;

interface Round {
  /** Path → whether its fsync failed, filled in as the round runs. */
  readonly paths: Map<string, { error: unknown } | undefined>;
  readonly done: PromiseWithResolvers<void>;
}

export class SyncQueue {
  #waiting: Round | undefined;
  #running = false;

  /** Durable when it resolves. Rejects with the system's error. */
  async sync(paths: Iterable<string>): Promise<void> {
    this.#waiting ??= { paths: new Map(), done: Promise.withResolvers<void>() };
    const round = this.#waiting;
    const own = [...paths];
    for (const path of own) round.paths.set(path, undefined);
    if (!this.#running) void this.#run();
    await round.done.promise;
    for (const path of own) {
      const failure = round.paths.get(path);
      if (failure !== undefined) throw failure.error;
    }
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Lets every put of the same turn of the loop join the first round.
    await Promise.resolve();
    for (let round = this.#waiting; round !== undefined; round = this.#waiting) {
      this.#waiting = undefined;
      const { paths, done } = round;
      await mapConcurrent([...paths.keys()], PARALLEL, async (path) => {
        try {
          await using handle = await open(path, 'r');
          await handle.sync();
        } catch (error) {
          paths.set(path, { error });
        }
      });
      done.resolve();
    }
    this.#running = false;
  }
}
