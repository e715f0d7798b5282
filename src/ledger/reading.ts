import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { integrityProblems } from './integrity.ts';
import { toDocketError } from './sqlite-error.ts';
import { failureOf } from './sqlite-failure.ts';

/** How long a read waits, in ms. Only the recovery after a crashed writer makes readers of a write-ahead log wait at all; it takes milliseconds. */
const PATIENCE = 5_000;

/**
 * A reading connection and its prepared statements. Each read is a transaction of its own and sees everything committed before.
 *
 * Nothing in a process that has the ledger open may open the file but through SQLite: closing such a descriptor would drop the locks of
 * all its connections.
 */
export class Reading implements Disposable {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Takes over `db`, a connection to `path`. SQLite's errors pass through. */
  constructor(path: string, db: DatabaseSync) {
    this.#path = path;
    this.#db = db;
    this.#db.exec(`PRAGMA cell_size_check = ON; PRAGMA busy_timeout = ${PATIENCE}`);
  }

  /** The first row, as an array of its columns. Throws `LEDGER_DAMAGED` or `LEDGER_FAILED`. */
  get(sql: string, ...parameters: SQLInputValue[]): unknown[] | undefined {
    try {
      return this.#prepare(sql).get(...parameters) as unknown as unknown[] | undefined;
    } catch (cause) {
      throw toDocketError(failureOf(cause), this.#path, 'HOME_UNUSABLE', cause);
    }
  }

  all(sql: string, ...parameters: SQLInputValue[]): unknown[][] {
    try {
      return this.#prepare(sql).all(...parameters) as unknown as unknown[][];
    } catch (cause) {
      throw toDocketError(failureOf(cause), this.#path, 'HOME_UNUSABLE', cause);
    }
  }

  /** As `get` for each of these parameters, in one transaction: one for each read costs a third of a look-up. */
  getEach(sql: string, parameters: readonly (readonly SQLInputValue[])[]): (unknown[] | undefined)[] {
    const statement = this.#prepare(sql);
    try {
      this.#db.exec('BEGIN');
      const rows = parameters.map((values) => statement.get(...values) as unknown as unknown[] | undefined);
      this.#db.exec('COMMIT');
      return rows;
    } catch (cause) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw toDocketError(failureOf(cause), this.#path, 'HOME_UNUSABLE', cause);
    }
  }

  /** As `get`, integers as bigints. */
  getExact(sql: string, ...parameters: SQLInputValue[]): unknown[] | undefined {
    this.#prepare(sql).setReadBigInts(true);
    return this.get(sql, ...parameters);
  }

  /** Reads the whole database and says what is wrong with its structure. */
  check(): string[] {
    try {
      return integrityProblems(this.#db);
    } catch (cause) {
      throw toDocketError(failureOf(cause), this.#path, 'HOME_UNUSABLE', cause);
    }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      statement.setReturnArrays(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** A second time does nothing. */
  [Symbol.dispose](): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }
}
