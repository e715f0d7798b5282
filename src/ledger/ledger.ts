import type { CID } from '../ipld/cid.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { DocketError } from '../errors.ts';
import { addRows, type Change, type MemoTable } from './change.ts';
import { Reading } from './reading.ts';
import * as Results from './results.ts';
import * as Runs from './runs.ts';
import { prepare } from './schema.ts';
import { SmallTable } from './small-table.ts';
import { StatRows } from './stat-rows.ts';
import { failureOf, toDocketError } from './sqlite-error.ts';
import { Writer } from './writer.ts';

/**
 * The database of a home: receipts, the keys they are filed under, small blobs, runs. Several processes may have it open.
 *
 * Reads are synchronous, take microseconds and see what was committed before. Writes go through a thread of their own, so that the
 * caller never waits for the disk or for another process. Both throw or reject with `LEDGER_DAMAGED`, `LEDGER_FAILED`, writes also with
 * `STORE_FULL` and `STORE_UNWRITABLE`.
 */

export interface CommitResult {
  /** Outcomes that differ from what was filed under the same resolved key before. */
  readonly conflicts: readonly Results.Conflict[];
}

export interface LedgerOptions {
  readonly clock?: Clock;
  /** How long a commit waits for other processes that write, in ms; default 60,000. */
  readonly patience?: number;
}

export class Ledger implements AsyncDisposable {
  /** Blobs too small for a file of their own. */
  readonly small: SmallTable;
  /** What is known of input files. */
  readonly statTable: StatRows;
  readonly #reading: Reading;
  readonly #writer: Writer;

  private constructor(reading: Reading, writer: Writer) {
    this.#reading = reading;
    this.#writer = writer;
    const commit = (change: Change): Promise<CommitResult> => this.commit([change]);
    this.small = new SmallTable(reading, commit);
    this.statTable = new StatRows(reading, commit);
  }

  /**
   * Opens the ledger, creating or upgrading the file. Throws `HOME_NEWER` if a newer Docket wrote it, `HOME_UNUSABLE` if it cannot be
   * opened or is something else, `LEDGER_DAMAGED`, `STORE_FULL`.
   */
  static async open(path: string, { clock = systemClock, patience }: LedgerOptions = {}): Promise<Ledger> {
    try {
      prepare(path, clock.now());
      return new Ledger(new Reading(path), new Writer({ path, ...(patience === undefined ? {} : { patience }) }));
    } catch (cause) {
      if (cause instanceof DocketError) throw cause;
      throw toDocketError(failureOf(cause), path, 'HOME_UNUSABLE', cause);
    }
  }

  /** Starts the writing thread now, so that the first commit does not wait for it. For those who will write. */
  warm(): void {
    this.#writer.warm();
  }

  /**
   * Makes `changes` durable, all or none. Calls become durable in the order they were made; those made while another is being written
   * share one transaction. The first failure is final: the ledger then takes no more.
   */
  async commit(changes: readonly Change[]): Promise<CommitResult> {
    const conflicts = await this.#writer.write((add) => {
      for (const change of changes) addRows(change, add);
    });
    return { conflicts: conflicts.map(Results.toConflict) };
  }

  /** What each of these keys leads to. */
  memo(table: MemoTable, keys: readonly Uint8Array[]): (Results.MemoRow | undefined)[] {
    return Results.memo(this.#reading, table, keys);
  }

  /** A receipt as filed: its bytes are not verified here. */
  receipt(cid: CID): Results.ReceiptRow | undefined {
    return Results.receipt(this.#reading, cid);
  }

  /** Newest first. */
  receiptsOfInstruction(instruction: CID, limit: number): Results.ReceiptRow[] {
    return Results.receiptsOfInstruction(this.#reading, instruction, limit);
  }

  /** What a resolved key was made of. */
  key(key: Uint8Array): Results.KeyRow | undefined {
    return Results.keyRow(this.#reading, key);
  }

  /** The resolved key a receipt is filed under. */
  keyOfReceipt(cid: CID): Results.KeyRow | undefined {
    return Results.keyRowOfReceipt(this.#reading, cid);
  }

  /** Resolved keys to compare one with: first of the same instruction, then of the same label, each newest first. */
  similarKeys(like: { readonly instruction: CID; readonly label: string }, limit: number): Results.KeyRow[] {
    return Results.similarKeys(this.#reading, like, limit);
  }

  /** Newest first. */
  conflicts(limit: number): Results.Conflict[] {
    return Results.conflicts(this.#reading, limit);
  }

  run(id: string): Runs.RunRow | undefined {
    return Runs.run(this.#reading, id);
  }

  /** Newest first. */
  runs(filter: Runs.RunFilter): Runs.RunRow[] {
    return Runs.runs(this.#reading, filter);
  }

  /** Runs whose id begins with `prefix`, in any case: newest first, at most `limit`. */
  runsWithPrefix(prefix: string, limit: number): Runs.RunRow[] {
    return Runs.runsWithPrefix(this.#reading, prefix, limit);
  }

  /** The tasks of a run that ended, in the order of the plan. Read page by page, so rows that come meanwhile may be among them. */
  runTasks(id: string): Iterable<Runs.RunTaskRow> {
    return Runs.runTasks(this.#reading, id);
  }

  runTask(id: string, index: number): Runs.RunTaskRow | undefined {
    return Runs.runTask(this.#reading, id, index);
  }

  /** How the tasks of a run ended so far. */
  runTally(id: string): Runs.RunTally[] {
    return Runs.runTally(this.#reading, id);
  }

  /** Reads the whole database and says what is wrong with its structure; empty if nothing is. */
  check(): Promise<readonly string[]> {
    return this.#writer.check();
  }

  /** Waits until everything committed is durable, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.flush();
    // The writer closes last: only the last connection that may write tidies the log away.
    this.#reading[Symbol.dispose]();
    await this.#writer[Symbol.asyncDispose]();
  }
}

export type { Change, MemoTable } from './change.ts';
export type { MemoRow } from './results.ts';
