import type { CID } from '../ipld/cid.ts';
import { fromBytes } from '../ipld/cid-bytes.ts';
import type { MemoTable } from './change.ts';
import { locator } from './locator.ts';
import type { Reading } from './reading.ts';
import type { ReceiptRow } from './results.ts';
import { seal } from './seal.ts';

/** Rows for who checks them, damaged ones too: nothing read here is trusted, and columns that cannot be read are undefined. */

/** A key and the receipt filed under it. */
export interface FiledKey {
  readonly table: MemoTable;
  readonly key: Uint8Array;
  /** Undefined if there is no such receipt, or its CID cannot be read. */
  readonly receipt: { readonly cid: CID; readonly bytes: Uint8Array } | undefined;
  /** Whether its seal is one of this key and this receipt. */
  readonly isIntact: boolean;
  /** Of resolved keys. */
  readonly made: { readonly out: Uint8Array; readonly label: string; readonly preimage: Uint8Array } | undefined;
}

/** A run and the position in its plan of a task that names a receipt. */
export interface TaskPlace {
  readonly run: string;
  readonly index: number;
}

/** A version of a named module; undefined is what is no CID. */
export interface RawManifest {
  readonly name: string;
  readonly version: string;
  readonly shown: string;
  readonly written: string;
  readonly manifest: CID | undefined;
  /** Null as long as it was not sent. */
  readonly module: CID | null | undefined;
  readonly isRemoved: boolean;
}

export interface RawToken {
  readonly id: string;
  readonly hash: Uint8Array;
  /** Not yet read as JSON. */
  readonly rights: string;
  readonly created: number;
  readonly expires: number | null;
}

type Columns = readonly [
  id: number,
  key: Uint8Array,
  seal: Uint8Array,
  cid: Uint8Array | null,
  bytes: Uint8Array | null,
  out: Uint8Array | null,
  label: string | null,
  preimage: Uint8Array | null,
];
type ReceiptColumns = readonly [
  id: number,
  cid: Uint8Array,
  instruction: Uint8Array,
  invocation: Uint8Array,
  at: number,
  bytes: Uint8Array,
];

/** Rows read at a time. */
const PAGE = 500;

const KEYS = {
  declared: 'SELECT m.id, m.key, m.seal, r.cid, r.bytes, NULL, NULL, NULL FROM declared m LEFT JOIN receipts r ON r.id = m.receipt',
  resolved:
    'SELECT m.id, m.key, m.seal, r.cid, r.bytes, m.out, m.label, m.preimage FROM resolved m LEFT JOIN receipts r ON r.id = m.receipt',
} as const satisfies Record<MemoTable, string>;

/** Every receipt in the order filed, by the number of its row; undefined for a row whose CIDs cannot be read. */
export function* receipts(reading: Reading): Generator<{ readonly id: number; readonly row: ReceiptRow | undefined }> {
  const sql = `SELECT id, cid, instruction, invocation, at, bytes FROM receipts WHERE id > ? ORDER BY id LIMIT ${PAGE}`;
  for (const [id, cid, instruction, invocation, at, bytes] of paged<ReceiptColumns>(reading, sql)) {
    const [read, of, ran] = [cid, instruction, invocation].map(fromBytes);
    yield { id, row: read && of && ran && { cid: read, instruction: of, invocation: ran, at, bytes } };
  }
}

/** Every version of every named module, removed ones too. There are few. */
export function manifests(reading: Reading): RawManifest[] {
  const rows = reading.all(
    'SELECT name, version, shown, written, manifest, module, removed FROM manifests ORDER BY id',
  ) as unknown as ManifestColumns[];
  return rows.map(([name, version, shown, written, manifest, module, removed]) => ({
    name,
    version,
    shown,
    written,
    manifest: fromBytes(manifest),
    module: module && fromBytes(module),
    isRemoved: removed !== 0,
  }));
}

type ManifestColumns = readonly [
  name: string,
  version: string,
  shown: string,
  written: string,
  manifest: Uint8Array,
  module: Uint8Array | null,
  removed: number,
];

export function tokens(reading: Reading): RawToken[] {
  const rows = reading.all('SELECT id, hash, rights, created, expires FROM tokens ORDER BY created, id') as unknown as TokenColumns[];
  return rows.map(([id, hash, rights, created, expires]) => ({ id, hash, rights, created, expires }));
}

type TokenColumns = readonly [id: string, hash: Uint8Array, rights: string, created: number, expires: number | null];

/** Another name of a blob; undefined is what is no CID. */
export interface RawAlias {
  readonly id: number;
  readonly alias: CID | undefined;
  readonly blob: CID | undefined;
  readonly isPlain: boolean;
  readonly isIntact: boolean;
}

export function* aliases(reading: Reading): Generator<RawAlias> {
  const sql = `SELECT id, alias, blob, plain, seal FROM aliases WHERE id > ? ORDER BY id LIMIT ${PAGE}`;
  for (const [id, alias, blob, plain, sealed] of paged<AliasColumns>(reading, sql)) {
    const isIntact = Buffer.compare(sealed, seal(alias, blob)) === 0;
    yield { id, alias: fromBytes(alias), blob: fromBytes(blob), isPlain: plain !== 0, isIntact };
  }
}

type AliasColumns = readonly [id: number, alias: Uint8Array, blob: Uint8Array, plain: number, seal: Uint8Array];

/** Every key of a table, in the order filed. */
export function* keys(reading: Reading, table: MemoTable): Generator<FiledKey> {
  for (const row of paged<Columns>(reading, `${KEYS[table]} WHERE m.id > ? ORDER BY m.id LIMIT ${PAGE}`)) yield filedKey(table, row);
}

/** Every key under which a receipt is filed. */
export function keysOfReceipt(reading: Reading, cid: CID): FiledKey[] {
  const found = (table: MemoTable): FiledKey[] =>
    reading
      .all(`${KEYS[table]} WHERE m.receipt = (SELECT id FROM receipts WHERE place = ? AND cid = ?)`, locator(cid.bytes), cid.bytes)
      .map((row) => filedKey(table, row as unknown as Columns));
  return [...found('declared'), ...found('resolved')];
}

/** Where runs name a receipt, newest run first. Looks through all tasks of all runs. */
export function tasksOfReceipt(reading: Reading, cid: CID, limit: number): TaskPlace[] {
  const sql = `SELECT r.run, t.task FROM run_tasks t JOIN runs r ON r.id = t.run
    WHERE t.receipt = (SELECT id FROM receipts WHERE place = ? AND cid = ?) ORDER BY r.id DESC LIMIT ?`;
  return (reading.all(sql, locator(cid.bytes), cid.bytes, limit) as [string, number][]).map(([run, index]) => ({ run, index }));
}

function* paged<Row extends readonly [number, ...unknown[]]>(reading: Reading, sql: string): Generator<Row> {
  let after = -1;
  for (;;) {
    const page = reading.all(sql, after) as unknown as Row[];
    yield* page;
    if (page.length < PAGE) return;
    after = page[page.length - 1]![0];
  }
}

function filedKey(table: MemoTable, [, key, sealed, cidBytes, bytes, out, label, preimage]: Columns): FiledKey {
  const cid = cidBytes === null ? undefined : fromBytes(cidBytes);
  return {
    table,
    key,
    receipt: cid === undefined || bytes === null ? undefined : { cid, bytes },
    isIntact: cidBytes !== null && Buffer.compare(sealed, seal(key, cidBytes)) === 0,
    made: out === null || label === null || preimage === null ? undefined : { out, label, preimage },
  };
}
