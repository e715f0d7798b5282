import { statSync } from 'node:fs';
import type { CID } from '../ipld/cid.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { DocketError } from '../errors.ts';
import * as Actions from './actions.ts';
import * as Aliases from './aliases.ts';
import * as Audit from './audit.ts';
import { addRows, type Change, type MemoTable, type RunTaskRow } from './change.ts';
import type { ManifestRow } from '../manifest/row.ts';
import * as Manifests from './manifests.ts';
import { PAGE } from './page.ts';
import { openReadOnly } from './read-only.ts';
import { Reading } from './reading.ts';
import * as Results from './results.ts';
import * as Runs from './runs.ts';
import { openReading } from './schema.ts';
import { SmallTable } from './small-table.ts';
import * as Shared from './shared.ts';
import * as Tokens from './tokens.ts';
import * as Trust from './trust.ts';
import { StatRows } from './stat-rows.ts';
import { toDocketError } from './sqlite-error.ts';
import { failureOf } from './sqlite-failure.ts';
import { Writer } from './writer.ts';
import { KEPT_PAGES } from './writing.ts';

/**
 * The database of a home: receipts, the keys they are filed under, small blobs, runs. Several processes may have it open.
 *
 * Reads are synchronous, take microseconds and see what was committed before. Writes go through a thread of their own but for the first few rows,
 * so that the caller never waits for another process, and hardly for the disk. Both throw or reject with `LEDGER_DAMAGED`, `LEDGER_FAILED`, writes also with
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
  readonly #path: string;
  readonly #reading: Reading;
  readonly #writer: Writer;
  readonly #listeners = new Set<() => void>();
  /** Of a ledger that cannot be written. */
  readonly #release: (() => void) | undefined;

  private constructor(path: string, reading: Reading, writer: Writer, release?: () => void) {
    this.#path = path;
    this.#reading = reading;
    this.#writer = writer;
    this.#release = release;
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
      const reading = new Reading(path, openReading(path, clock.now()));
      return new Ledger(path, reading, new Writer({ path, ...(patience === undefined ? {} : { patience }) }));
    } catch (cause) {
      if (cause instanceof DocketError) throw cause;
      throw toDocketError(failureOf(cause), path, 'HOME_UNUSABLE', cause);
    }
  }

  /** Opens one where nothing can be written: every `commit` fails. Throws as `open`. */
  static openReadOnly(path: string): Ledger {
    try {
      const { db, release } = openReadOnly(path);
      return new Ledger(path, new Reading(path, db), new Writer({ path }), release);
    } catch (cause) {
      if (cause instanceof DocketError) throw cause;
      throw toDocketError(failureOf(cause), path, 'HOME_UNUSABLE', cause);
    }
  }

  /** Starts the writing thread, so that no commit waits for that. For those who will write more than a few rows. */
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
    for (const listener of this.#listeners) listener();
    return { conflicts: conflicts.map(Results.toConflict) };
  }

  /** Calls `listener`, which does not throw, when something this process committed is durable. */
  onCommit(listener: () => void): Disposable {
    const once = (): void => listener();
    this.#listeners.add(once);
    return { [Symbol.dispose]: () => void this.#listeners.delete(once) };
  }

  /** Why it takes no more; undefined as long as it does. */
  get failure(): DocketError | undefined {
    return this.#writer.failure;
  }

  /** Resolves when this process writes nothing, and will not until what it gives is disposed of. */
  hold(): Promise<Disposable> {
    return this.#writer.hold();
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

  /** Every key a receipt is filed under, damaged ones too. */
  keysOfReceipt(cid: CID): Audit.FiledKey[] {
    return Audit.keysOfReceipt(this.#reading, cid);
  }

  /** Where runs name a receipt, newest run first. Looks through all tasks of all runs. */
  tasksOfReceipt(cid: CID, limit: number): Audit.TaskPlace[] {
    return Audit.tasksOfReceipt(this.#reading, cid, limit);
  }

  /** Every receipt in the order filed; undefined for a row that cannot be read. Read page by page. */
  allReceipts(): Iterable<{ readonly id: number; readonly row: Results.ReceiptRow | undefined }> {
    return Audit.receipts(this.#reading);
  }

  /** Every key of a table, damaged ones too. Read page by page. */
  allKeys(table: MemoTable): Iterable<Audit.FiledKey> {
    return Audit.keys(this.#reading, table);
  }

  /** Resolved keys to compare one with: first of the same instruction, then of the same label, each newest first. */
  similarKeys(like: { readonly instruction: CID; readonly label: string }, limit: number): Results.KeyRow[] {
    return Results.similarKeys(this.#reading, like, limit);
  }

  /** Newest first. */
  conflicts(limit: number): Results.Conflict[] {
    return Results.conflicts(this.#reading, limit);
  }

  /** Named modules that were not removed: all, or all versions of one name as it is looked up; by name and in the order they were named. */
  manifests(name?: string): ManifestRow[] {
    return Manifests.manifests(this.#reading, name);
  }

  /** Of a version that was removed too. */
  manifest(name: string, version: string): ManifestRow | undefined {
    return Manifests.manifest(this.#reading, name, version);
  }

  /** Every row of a named module and of a token, damaged ones too, for who checks them. */
  allManifests(): Audit.RawManifest[] {
    return Audit.manifests(this.#reading);
  }

  allTokens(): Audit.RawToken[] {
    return Audit.tokens(this.#reading);
  }

  /** By the SHA2-256 of the token, also one that has expired. */
  tokenOfHash(hash: Uint8Array): Tokens.TokenRow | undefined {
    return Tokens.tokenOfHash(this.#reading, hash);
  }

  /** The oldest first. */
  tokens(): Tokens.TokenRow[] {
    return Tokens.tokens(this.#reading);
  }

  /** Whom results are taken from, and whom not any more: by DID. */
  trust(): Trust.TrustRow[] {
    return Trust.rows(this.#reading);
  }

  /** What was refused, by issuer and reason: the latest first. */
  refusals(limit: number): Trust.RefusalRow[] {
    return Trust.refusals(this.#reading, limit);
  }

  /** Results that were filed under keys of a table after a row of it, in the order of the rows. */
  filedAfter(table: MemoTable, after: number, limit: number): Shared.FiledRow[] {
    return Shared.filedAfter(this.#reading, table, after, limit);
  }

  /** Number of the last row of a table; 0 for none. */
  lastRow(table: MemoTable): number {
    return Shared.lastRow(this.#reading, table);
  }

  /** How far something had come; undefined if it never began. */
  mark(name: string): number | undefined {
    return Shared.mark(this.#reading, name);
  }

  /** What another build tool filed under this name of an action: a blob. */
  action(digest: Uint8Array): CID | undefined {
    return Actions.action(this.#reading, digest);
  }

  /** The blob that is known by this name, too. */
  alias(name: CID): CID | undefined {
    return Aliases.alias(this.#reading, name);
  }

  /** Every such name, damaged ones too. */
  allAliases(): Iterable<Audit.RawAlias> {
    return Audit.aliases(this.#reading);
  }

  run(id: string): Runs.RunRow | undefined {
    return Runs.run(this.#reading, id);
  }

  /** What was submitted with this idempotency key. */
  submission(key: string): Runs.Submitted | undefined {
    return Runs.submission(this.#reading, key);
  }

  /** Newest first. */
  runs(filter: Runs.RunFilter): Runs.RunRow[] {
    return Runs.runs(this.#reading, filter);
  }

  /** The ids of all runs, oldest first, those with damaged rows too. */
  runIds(): string[] {
    return Runs.runIds(this.#reading);
  }

  /** Runs whose id begins with `prefix`, in any case: newest first, at most `limit`. */
  runsWithPrefix(prefix: string, limit: number): Runs.RunRow[] {
    return Runs.runsWithPrefix(this.#reading, prefix, limit);
  }

  /** The tasks of a run that ended, in the order of the plan. Read page by page, so rows that come meanwhile may be among them. */
  runTasks(id: string): Iterable<RunTaskRow> {
    return Runs.runTasks(this.#reading, id);
  }

  runTask(id: string, index: number): RunTaskRow | undefined {
    return Runs.runTask(this.#reading, id, index);
  }

  /** How the tasks of a run ended so far. */
  runTally(id: string): Runs.RunTally[] {
    return Runs.runTally(this.#reading, id);
  }

  /** Reads the whole database and says what is wrong with its structure; empty if nothing is. */
  async check(): Promise<readonly string[]> {
    return this.#release === undefined ? await this.#writer.check() : this.#reading.check();
  }

  /** Waits until everything committed is durable, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.flush();
    // The writer tidies the log away if it closes last. That syncs the disk twice, and twice more for the log that the next writer begins, which is
    // much for a command that wrote a few rows: those stay in the log, where they are as durable, until some more have come together.
    if (this.#logSize() > KEPT_PAGES * PAGE) this.#reading[Symbol.dispose]();
    await this.#writer[Symbol.asyncDispose]();
    this.#reading[Symbol.dispose]();
    this.#release?.();
  }

  #logSize(): number {
    return statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }
}

export type { Change, MemoTable } from './change.ts';
export type { FiledKey } from './audit.ts';
export type { MemoRow } from './results.ts';
