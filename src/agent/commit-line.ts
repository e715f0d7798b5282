import type { CID } from '../ipld/cid.ts';
import type { Change, CommitResult } from '../ledger/ledger.ts';

interface Sinks {
  /** Makes large blobs durable. */
  readonly settle: (written: readonly CID[]) => Promise<void>;
  readonly commit: (changes: readonly Change[]) => Promise<CommitResult>;
}

/**
 * Commits of one run: each after the large blobs it rests on are durable.
 *
 * Invariants
 * L1. Commits reach the ledger in the order in which they were asked for: one that waits for its blobs holds up those behind it. Otherwise a
 *     result could be filed whose input is not, and an older row of a task overwrite a newer one.
 * L2. Blobs are made durable at once, not in turn, so that their syncs are shared.
 * L3. The first failure is final: what was asked for later may rest on what was lost, and fails with it.
 */
export class CommitLine {
  readonly #sinks: Sinks;
  #last: Promise<unknown> | undefined;
  #waiting = 0;

  constructor(sinks: Sinks) {
    this.#sinks = sinks;
  }

  async commit(changes: readonly Change[], written: readonly CID[]): Promise<CommitResult> {
    const { settle, commit } = this.#sinks;
    if (this.#waiting === 0 && written.length === 0) return commit(changes);
    this.#waiting++;
    const turn = Promise.all([this.#last, written.length === 0 ? undefined : settle(written)]).then(() => {
      this.#waiting--;
      // Wrapped, so that those behind wait for the handing over and not for the commit.
      return { committed: commit(changes) };
    });
    this.#last = turn;
    return (await turn).committed;
  }
}
