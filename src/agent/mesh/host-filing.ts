import type { CID } from '../../ipld/cid.ts';
import type { Ipld } from '../../ipld/value.ts';
import type { HostedJournal } from '../../ledger/hosted.ts';
import type { CommitResult } from '../../ledger/ledger.ts';
import type { Outcome, Usage } from '../../receipt/outcome.ts';
import { outOf } from '../../receipt/out.ts';
import { type Filed, signAll } from '../../scheduler/filed.ts';
import { Outbox } from '../../scheduler/outbox.ts';
import { blobsHere } from '../blobs-of.ts';
import { CommitLine } from '../commit-line.ts';
import type { Engine } from '../engine.ts';
import type { Attempt } from './host-attempt.ts';

/** An attempt whose receipt is durable. */
export interface Committed {
  readonly attempt: Attempt;
  /** As signed. */
  readonly receipt: Uint8Array;
  /** What the receipt says came out, and what was written beside it. */
  readonly value: Ipld;
}

export interface EndOfAttempt {
  /** In the journal. */
  readonly id: number;
  readonly outcome: Outcome;
  readonly usage: Usage;
  /** Milliseconds since the epoch. */
  readonly started: number;
  readonly small: ReadonlyMap<string, Uint8Array>;
  readonly written: readonly CID[];
}

interface Steps {
  committed(ends: readonly Committed[]): void;
  /** Nothing can be filed any more. */
  fail(cause: unknown): void;
}

interface Pending extends Omit<Committed, 'receipt'> {
  readonly id: number;
  readonly cid: CID;
}

/**
 * The receipts of what was run for others, of all drives in one line of commits.
 *
 * Invariants
 * F1. An attempt is told as ended only when its receipt is durable, with its memo rows and small blobs in the same commit, and after its large ones.
 * F2. Before a commit leaves, the journal has the names of the receipts in it (J1 of `HostedJournal`).
 * F3. What could not be committed gets its crash receipt at the next start; what comes later is tried again, unless the ledger itself has failed. Of what
 *     was lost nothing is kept, so it takes no room from what comes.
 */
export class HostFiling {
  readonly #engine: Engine;
  readonly #journal: HostedJournal;
  readonly #steps: Steps;
  readonly #outbox: Outbox;
  #line: CommitLine;
  readonly #pending = new Map<number, Pending>();
  /** Receipts that are in the ledger and were not told yet, by name. */
  readonly #signed = new Map<string, Uint8Array>();
  /** Not in a commit yet. */
  #next: Pending[] = [];

  constructor(engine: Engine, journal: HostedJournal, steps: Steps) {
    this.#engine = engine;
    this.#journal = journal;
    this.#steps = steps;
    this.#line = this.#newLine();
    this.#outbox = new Outbox({
      commit: (changes, written) => this.#commit(changes, written),
      // What came out here is read by nobody before it is at rest.
      blobs: blobsHere(engine),
      onCommit: (ids) => this.#committed(ids),
      onFailure: (cause, forget) => {
        forget();
        steps.fail(cause);
      },
      onDue: () => this.#outbox.flush(true),
      clock: engine.clock,
    });
  }

  /** Commits under way and to come. */
  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  get isFull(): boolean {
    return this.#outbox.isFull;
  }

  /** `isUrgent`: nothing else will end soon with which it could share a commit. */
  file(attempt: Attempt, { id, outcome, usage, started, small, written }: EndOfAttempt, isUrgent: boolean): void {
    const { work, index, planned, policy, key } = attempt;
    const ended = { index, task: planned, policy, outcome, usage, started, attempt: attempt.attempt, key };
    const { receipt: cid, changes } = work.filing.issue(ended);
    const [, value] = outOf(outcome);
    const { logs } = outcome.tag === 'ok' ? outcome : {};
    const pending = { id, attempt, cid, value: logs === undefined ? value : [value, logs.stdout, logs.stderr] };
    this.#pending.set(id, pending);
    this.#next.push(pending);
    this.#outbox.addBlobs(new Map([...attempt.supplies, ...small]), written);
    this.#outbox.file(id, changes);
    this.#outbox.flush(isUrgent);
  }

  async #commit(changes: readonly Filed[], written: readonly CID[]): Promise<CommitResult> {
    const leaving = this.#next;
    const line = this.#line;
    this.#next = [];
    try {
      this.#journal.ending(leaving.map(({ id, cid }) => ({ id, receipt: cid })));
      return await line.commit(changes, written);
    } catch (cause) {
      for (const { id } of leaving) this.#pending.delete(id);
      // Nothing filed here rests on another thing that is filed here: the next are not lost with these.
      if (this.#line === line) this.#line = this.#newLine();
      throw cause;
    }
  }

  #newLine(): CommitLine {
    const { disk, ledger } = this.#engine;
    return new CommitLine({
      settle: (written) => disk.settle(written),
      sign: (changes) => signAll(changes, this.#engine.key),
      commit: async (changes) => {
        const result = await ledger.commit(changes);
        for (const change of changes) if (change.kind === 'receipt') this.#signed.set(change.cid.toString(), change.bytes);
        return result;
      },
    });
  }

  #committed(ids: readonly number[]): void {
    try {
      this.#steps.committed(ids.map((id) => this.#take(id)));
    } catch (cause) {
      // The ledger cannot be read.
      this.#steps.fail(cause);
    }
  }

  #take(id: number): Committed {
    const { attempt, cid, value } = this.#pending.get(id)!;
    const name = cid.toString();
    // Two that were cancelled in the same moment have one receipt.
    const receipt = this.#signed.get(name) ?? this.#engine.ledger.receipt(cid)!.bytes;
    this.#signed.delete(name);
    this.#pending.delete(id);
    this.#journal.ended([id]);
    return { attempt, receipt, value };
  }

  /** Sends off what gathered. */
  flush(): void {
    this.#outbox.flush(true);
  }
}
