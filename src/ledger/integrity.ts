import type { DatabaseSync } from 'node:sqlite';

/** Reads the whole database and says what is wrong with its structure. Throws SQLite's errors. */
export function integrityProblems(db: DatabaseSync): string[] {
  const rows = db.prepare('PRAGMA integrity_check').all();
  return rows.map((row) => String(row.integrity_check)).filter((text) => text !== 'ok');
}
