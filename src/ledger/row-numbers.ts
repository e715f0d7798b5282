import type { MemoTable } from './change.ts';

/**
 * Numbers of rows of keys, as parts of SQL. They grow, and that of a row that is gone is not given again: whoever goes through the rows in their order
 * (`Ledger.filedAfter`) would take the new one for seen.
 */

/** The largest number that a row has or, being gone, had; 0 for none. */
export function last(table: MemoTable): string {
  return `max((SELECT coalesce(max(id), 0) FROM ${table}), (SELECT coalesce(max(value), 0) FROM marks WHERE name = 'gone ${table}'))`;
}

export function next(table: MemoTable): string {
  return `1 + ${last(table)}`;
}

/** A statement that remembers the last number, to be run before rows go. */
export function remember(table: MemoTable): string {
  return `INSERT OR REPLACE INTO marks (name, value) VALUES ('gone ${table}', ${last(table)})`;
}
