import type { CID } from '../ipld/cid.ts';
import { fromBytes } from '../ipld/cid-bytes.ts';
import { type MemoTable, PLAIN } from './change.ts';
import type { Reading } from './reading.ts';
import { last } from './row-numbers.ts';
import { seal } from './seal.ts';

/** Reads for who tells others of the results that are filed here: rows of keys in the order they came. */

export interface FiledRow {
  /** Number of the row; they grow. */
  readonly id: number;
  readonly key: Uint8Array;
  /** Undefined if the row is damaged. */
  readonly receipt: { readonly cid: CID; readonly bytes: Uint8Array } | undefined;
  /** DID of the agent that said so; null if this home found it itself. Only of declared keys. */
  readonly heardOf: string | null;
  /** As in `DeclaredChange`. */
  readonly isPlain: boolean;
}

type Columns = [id: number, key: Uint8Array, seal: Uint8Array, heardOf: string | null, cid: Uint8Array | null, bytes: Uint8Array | null];

export function filedAfter(reading: Reading, table: MemoTable, after: number, limit: number): FiledRow[] {
  const heardOf = table === 'declared' ? 'm.heard_of' : 'NULL';
  const sql = `SELECT m.id, m.key, m.seal, ${heardOf}, r.cid, r.bytes FROM ${table} m LEFT JOIN receipts r ON r.id = m.receipt WHERE m.id > ? ORDER BY m.id LIMIT ?`;
  return (reading.all(sql, after, limit) as Columns[]).map(([id, key, sealed, heard, name, bytes]) => {
    const isIntact = name !== null && bytes !== null && Buffer.compare(sealed, seal(key, name)) === 0;
    const cid = isIntact ? fromBytes(name) : undefined;
    const isPlain = heard === PLAIN;
    return { id, key, heardOf: isPlain ? null : heard, isPlain, receipt: cid === undefined ? undefined : { cid, bytes: bytes! } };
  });
}

export function lastRow(reading: Reading, table: MemoTable): number {
  return (reading.get(`SELECT ${last(table)}`) as [number])[0];
}

export function mark(reading: Reading, name: string): number | undefined {
  return (reading.get('SELECT value FROM marks WHERE name = ?', name) as [number] | undefined)?.[0];
}
