import type { CID } from '../ipld/cid.ts';
import type { Change, CommitResult } from '../ledger/ledger.ts';
import type { Filed } from '../scheduler/filed.ts';

interface Sinks {
  /** Makes large blobs durable. */
  readonly settle: (written: readonly CID[]) => Promise<void>;
  readonly sign: (changes: readonly Filed[]) => Promise<readonly Change[]>;
  readonly commit: (changes: readonly Change[]) => Promise<CommitResult>;
}

/**
 * Commits of one run: each after its receipts are signed and the large blobs it rests on are durable.
 *
 * Invariants
 * L1. Commits reach the ledger in the order in which they were asked for: one that waits for its blobs or signatures holds up those behind it.
 *     Otherwise a result could be filed whose input is not, and an older row of a task overwrite a newer one.
 * L2. Receipts are signed and blobs made durable at once, not in turn, so that threads have work and syncs are shared.
 * L3. The first failure is final: what was asked for later may rest on what was lost, and fails with it.
 */
export class CommitLine {
  readonly #sinks: Sinks;
  #last: Promise<unknown> | undefined;

  constructor(sinks: Sinks) {
    this.#sinks = sinks;
  }

  async commit(changes: readonly Filed[], written: readonly CID[]): Promise<CommitResult> {
    const { sign, settle, commit } = this.#sinks;
    const turn = Promise.all([sign(changes), written.length === 0 ? undefined : settle(written), this.#last]).then(([signed]) => {
      // Wrapped, so that those behind wait for the handing over and not for the commit.
      return { committed: commit(signed) };
    });
    this.#last = turn;
    return (await turn).committed;
  }
}
