import { DocketError } from '../errors.ts';

/** How large a value is: the items or entries it holds itself, and all there are in it, the value included. A map's keys are items too. */
export interface Share {
  readonly length: number;
  readonly items: number;
}

interface Cursor {
  readonly bytes: Uint8Array;
  readonly most: number;
  at: number;
  items: number;
  /** What the last head counts or says. */
  argument: number;
}

/**
 * What the values of a map of DAG-CBOR would be to build, told without building them: an item of one byte can become sixty in memory. Undefined if the bytes are
 * no map. Counts no further than `most` items in all: `items` is larger than that then, and the map has the shares met so far.
 *
 * Only what is needed for counting is checked here; `decode` checks the rest. Throws `IPLD_INVALID` for bytes that end too early or have no end.
 */
export function census(bytes: Uint8Array, most: number): { readonly items: number; readonly shares: Map<string, Share> } | undefined {
  const cursor: Cursor = { bytes, most, at: 0, items: 0, argument: 0 };
  if (bytes.length === 0 || head(cursor) !== 5) return undefined;
  const shares = new Map<string, Share>();
  for (let left = cursor.argument; left > 0 && cursor.items <= most; left--) {
    if (head(cursor) !== 3) return undefined;
    const key = Buffer.from(bytes.buffer, bytes.byteOffset + cursor.at - cursor.argument, cursor.argument).toString();
    shares.set(key, shareOf(cursor));
  }
  return { items: cursor.items, shares };
}

/** The same of one value of any kind: the items in it, itself included, up to `most`; more than `most` if there are more. Throws `IPLD_INVALID` as `census`. */
export function itemsIn(bytes: Uint8Array, most: number): number {
  const cursor: Cursor = { bytes, most, at: 0, items: 0, argument: 0 };
  shareOf(cursor);
  return cursor.items;
}

function shareOf(cursor: Cursor): Share {
  const before = cursor.items;
  let pending = heldBy(head(cursor), cursor.argument);
  const length = pending;
  // No recursion: bytes may nest deeper than any stack.
  for (; pending > 0 && cursor.items <= cursor.most; pending--) pending += heldBy(head(cursor), cursor.argument);
  return { length, items: cursor.items - before };
}

/** Values behind a head of this major type. */
function heldBy(major: number, argument: number): number {
  if (major === 4) return argument;
  if (major === 5) return 2 * argument;
  return major === 6 ? 1 : 0;
}

/** Moves past a head, and past the bytes it announces. Gives its major type. */
function head(cursor: Cursor): number {
  const { bytes, at } = cursor;
  const first = bytes[at];
  if (first === undefined) throw invalid(at);
  cursor.items++;
  const major = first >> 5;
  const info = first & 31;
  const size = info < 24 ? 0 : 1 << (info - 24);
  cursor.at = at + 1 + size;
  if (info > 27 || cursor.at > bytes.length) throw invalid(at);
  let argument = info;
  if (size > 0) {
    argument = 0;
    for (let i = at + 1; i < cursor.at; i++) argument = argument * 256 + bytes[i]!;
  }
  cursor.argument = argument;
  if (major < 2 || major > 5) return major;
  // Each byte or item that is announced takes at least one.
  if (argument > bytes.length - cursor.at) throw invalid(at);
  if (major < 4) cursor.at += argument;
  return major;
}

function invalid(at: number): DocketError {
  return new DocketError('IPLD_INVALID', `not canonical DAG-CBOR at byte ${at}: the bytes end too early`, { details: { at } });
}
