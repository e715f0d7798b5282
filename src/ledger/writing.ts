import { DatabaseSync } from 'node:sqlite';
import { Applier, type ConflictBytes } from './apply.ts';
import { integrityProblems } from './integrity.ts';
import { type Chunk, unpack } from './pack.ts';
import { PAGE } from './page.ts';
import { ROW } from './row.ts';

/** Pages of log not yet in the database after which they are moved there. */
const CHECKPOINT_PAGES = 8_000;
/** Pages of log after which readers and other writers are waited for, so that it can begin anew instead of growing without bound. */
const CROWDED_PAGES = 16_000;
/** For how long, in ms. */
const CROWD_WAIT = 2_000;
/** Pages of log that are left where they are when the ledger is closed. The next start reads them in less than a millisecond. */
export const KEPT_PAGES = 64;
const CACHE_KIB = 64 * 1024;

/** Outcomes that differ from what was filed before. `call` counts the `ROW.call` rows of the batch from 0. */
export type Conflicts = readonly (ConflictBytes & { readonly call: number })[];

/**
 * A writing connection. It waits for no other process but where it says so: what is held elsewhere is an SQLite error that `isBusy`. All throw
 * SQLite's errors.
 */
export class Writing {
  readonly #db: DatabaseSync;
  readonly #applier: Applier;
  /** Pages of log after which others are waited for. */
  #crowded = CROWDED_PAGES;

  /** `path` is a ledger of the right format. */
  constructor(path: string) {
    using stack = new DisposableStack();
    const db = stack.use(new DatabaseSync(path, { enableForeignKeyConstraints: false }));
    db.exec(`
      PRAGMA synchronous = FULL;
      PRAGMA cell_size_check = ON;
      PRAGMA cache_size = -${CACHE_KIB};
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA journal_size_limit = ${CHECKPOINT_PAGES * PAGE};
    `);
    this.#db = db;
    this.#applier = new Applier(db);
    stack.move();
  }

  /** Takes the lock that only one writer can have. */
  begin(): void {
    this.#db.exec('BEGIN IMMEDIATE');
  }

  /** Writes packed rows in the transaction that was begun. They are durable when it returns; if it throws nothing was written. */
  commit(rows: readonly Chunk[]): Conflicts {
    const conflicts = [];
    try {
      this.#applier.begin();
      let call = -1;
      for (const row of unpack(rows)) {
        if (row[0] === ROW.call) call++;
        const conflict = this.#applier.apply(row);
        if (conflict !== undefined) conflicts.push({ ...conflict, call });
      }
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
    return conflicts;
  }

  /** What is wrong with the structure of the database. */
  check(): string[] {
    return integrityProblems(this.#db);
  }

  /** Moves the log into the database if it has become long; waits for others if it has become very long. */
  checkpointIfDue(): void {
    const { log, checkpointed } = this.#log();
    if (log > this.#crowded) {
      // Who reads for long, or stands still while reading, is not waited for again and again.
      const { busy } = this.#checkpoint('TRUNCATE', CROWD_WAIT);
      this.#crowded = busy === 0 ? CROWDED_PAGES : log + CROWDED_PAGES;
    } else if (log - checkpointed > CHECKPOINT_PAGES) this.#checkpoint('PASSIVE', 0);
  }

  /** Leaves a short log where it is if others have the database open. The last one to close it moves the log and removes it. */
  close(): void {
    using stack = new DisposableStack();
    stack.defer(() => this.#db.close());
    const { log, checkpointed } = this.#log();
    if (log - checkpointed > KEPT_PAGES) this.#checkpoint('PASSIVE', 0);
  }

  /** Pages of log, and how many of them are in the database too. */
  #log(): { readonly log: number; readonly checkpointed: number } {
    return this.#db.prepare('PRAGMA wal_checkpoint(NOOP)').get() as { log: number; checkpointed: number };
  }

  #checkpoint(mode: 'PASSIVE' | 'TRUNCATE', wait: number): { readonly busy: number } {
    this.#db.exec(`PRAGMA busy_timeout = ${wait}`);
    try {
      return this.#db.prepare(`PRAGMA wal_checkpoint(${mode})`).get() as { busy: number };
    } finally {
      this.#db.exec('PRAGMA busy_timeout = 0');
    }
  }
}
