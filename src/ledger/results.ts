import type { CID } from '../ipld/cid.ts';
import { fromBytes } from '../ipld/cid-bytes.ts';
import type { ConflictBytes } from './apply.ts';
import type { MemoTable } from './change.ts';
import { locator, SHORTEST_NAME } from './locator.ts';
import { readCid } from './read-cid.ts';
import type { Reading } from './reading.ts';
import { seal } from './seal.ts';

/** Reads of receipts and of the keys they are filed under. */

/** What a key leads to. */
export type MemoRow =
  /** The bytes are those of the receipt as filed: not verified here. */
  | { readonly isIntact: true; readonly receipt: CID; readonly bytes: Uint8Array }
  /** The row was damaged: it may name another key's receipt. */
  | { readonly isIntact: false; readonly receipt?: never; readonly bytes?: never };

/** A resolved key with what it was made of. */
export interface KeyRow {
  readonly key: Uint8Array;
  readonly preimage: Uint8Array;
  readonly receipt: CID;
  readonly instruction: CID;
  readonly label: string;
  /** When the receipt was made, milliseconds since the epoch. */
  readonly at: number;
}

export interface ReceiptRow {
  readonly cid: CID;
  readonly instruction: CID;
  readonly invocation: CID;
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Two receipts with different outcomes for one resolved key. */
export interface Conflict {
  readonly key: Uint8Array;
  readonly kept: CID;
  readonly other: CID;
}

type ReceiptColumns = [cid: Uint8Array, instruction: Uint8Array, invocation: Uint8Array, at: number, bytes: Uint8Array];
type KeyColumns = [key: Uint8Array, preimage: Uint8Array, receipt: Uint8Array, instruction: Uint8Array, label: string, at: number];

const RECEIPT = 'SELECT cid, instruction, invocation, at, bytes FROM receipts';
const KEY = 'SELECT m.key, m.preimage, r.cid, r.instruction, m.label, r.at FROM resolved m JOIN receipts r ON r.id = m.receipt';

export function memo(reading: Reading, table: MemoTable, keys: readonly Uint8Array[]): (MemoRow | undefined)[] {
  const sql = `SELECT r.cid, r.bytes, m.seal FROM ${table} m JOIN receipts r ON r.id = m.receipt WHERE m.place = ? AND m.key = ?`;
  const rows = reading.getEach(
    sql,
    keys.map((key) => [locator(key), key]),
  ) as ([Uint8Array, Uint8Array, Uint8Array] | undefined)[];
  return rows.map((row, i) => {
    if (row === undefined) return undefined;
    const [cid, bytes, sealed] = row;
    const found = Buffer.compare(sealed, seal(keys[i]!, cid)) === 0 ? fromBytes(cid) : undefined;
    return found === undefined ? { isIntact: false } : { isIntact: true, receipt: found, bytes };
  });
}

export function receipt(reading: Reading, cid: CID): ReceiptRow | undefined {
  if (cid.bytes.length < SHORTEST_NAME) return undefined;
  const row = reading.get(`${RECEIPT} WHERE place = ? AND cid = ?`, locator(cid.bytes), cid.bytes) as ReceiptColumns | undefined;
  return row && receiptRow(row);
}

/** Newest first. */
export function receiptsOfInstruction(reading: Reading, instruction: CID, limit: number): ReceiptRow[] {
  if (instruction.bytes.length < SHORTEST_NAME) return [];
  const sql = `${RECEIPT} WHERE instruction_place = ? AND instruction = ? ORDER BY id DESC LIMIT ?`;
  return (reading.all(sql, locator(instruction.bytes), instruction.bytes, limit) as ReceiptColumns[]).map(receiptRow);
}

export function keyRow(reading: Reading, key: Uint8Array): KeyRow | undefined {
  const row = reading.get(`${KEY} WHERE m.place = ? AND m.key = ?`, locator(key), key) as KeyColumns | undefined;
  return row && toKeyRow(row);
}

/** Keys with which a key of the same instruction or label can be compared: those of the same instruction first, then by label, newest first. */
export function similarKeys(reading: Reading, like: { readonly instruction: CID; readonly label: string }, limit: number): KeyRow[] {
  const { instruction, label } = like;
  const same = reading.all(
    `${KEY} WHERE r.instruction_place = ? AND r.instruction = ? ORDER BY r.id DESC LIMIT ?`,
    locator(instruction.bytes),
    instruction.bytes,
    limit,
  ) as KeyColumns[];
  const named = reading.all(
    `${KEY} WHERE m.label = ? AND r.instruction <> ? ORDER BY m.id DESC LIMIT ?`,
    label,
    instruction.bytes,
    limit - same.length,
  ) as KeyColumns[];
  return [...same, ...named].map(toKeyRow);
}

/** Newest first. */
export function conflicts(reading: Reading, limit: number): Conflict[] {
  return (
    reading.all(
      `SELECT c.key, k.cid, o.cid FROM conflicts c JOIN receipts k ON k.id = c.kept JOIN receipts o ON o.id = c.other ORDER BY c.id DESC LIMIT ?`,
      limit,
    ) as [Uint8Array, Uint8Array, Uint8Array][]
  ).map(([key, kept, other]) => toConflict({ key, kept, other }));
}

export function toConflict({ key, kept, other }: ConflictBytes): Conflict {
  return { key, kept: readCid(kept, 'a receipt kept in a conflict'), other: readCid(other, 'the other receipt of a conflict') };
}

function receiptRow([cid, instruction, invocation, at, bytes]: ReceiptColumns): ReceiptRow {
  const name = readCid(cid, 'the name of a receipt');
  return {
    cid: name,
    instruction: readCid(instruction, `what the receipt ${name} is filed under as its instruction`),
    invocation: readCid(invocation, `what the receipt ${name} is filed under as its invocation`),
    at,
    bytes,
  };
}

function toKeyRow([key, preimage, cid, instruction, label, at]: KeyColumns): KeyRow {
  const named = readCid(cid, `the name of a receipt of task ${label}`);
  return { key, preimage, receipt: named, instruction: readCid(instruction, `the instruction of receipt ${named}`), label, at };
}
