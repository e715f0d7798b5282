import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { toDocketError, failureOf } from './sqlite-error.ts';

/** How long a read waits, in ms. Only the recovery after a crashed writer makes readers of a write-ahead log wait at all; it takes milliseconds. */
const PATIENCE = 5_000;

/** A reading connection and its prepared statements. Each read is a transaction of its own and sees everything committed before. */
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
  get<T extends unknown[]>(sql: string, ...parameters: SQLInputValue[]): T | undefined {
    try {
      return this.#prepare(sql).get(...parameters) as unknown as T | undefined;
    } catch (cause) {
      throw toDocketError(failureOf(cause), this.#path, 'HOME_UNUSABLE', cause);
    }
  }

  all<T extends unknown[]>(sql: string, ...parameters: SQLInputValue[]): T[] {
    try {
      return this.#prepare(sql).all(...parameters) as unknown as T[];
    } catch (cause) {
      throw toDocketError(failureOf(cause), this.#path, 'HOME_UNUSABLE', cause);
    }
  }

  /** As `get`, integers as bigints. */
  getExact<T extends unknown[]>(sql: string, ...parameters: SQLInputValue[]): T | undefined {
    this.#prepare(sql).setReadBigInts(true);
    return this.get<T>(sql, ...parameters);
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
