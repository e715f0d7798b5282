import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { toDocketError, failureOf } from './sqlite-error.ts';

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

  /** SQLite's errors pass through. */
  constructor(path: string) {
    this.#path = path;
    this.#db = new DatabaseSync(path, { readOnly: true, timeout: PATIENCE });
    this.#db.exec('PRAGMA cell_size_check = ON');
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

  /** As `get`, integers as bigints. */
  getExact(sql: string, ...parameters: SQLInputValue[]): unknown[] | undefined {
    this.#prepare(sql).setReadBigInts(true);
    return this.get(sql, ...parameters);
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

  [Symbol.dispose](): void {
    this.#statements.clear();
    this.#db.close();
  }
}
