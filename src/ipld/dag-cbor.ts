import type { CID } from 'multiformats/cid';
import { DocketError } from '../errors.ts';
import { fromBytes } from './cid-bytes.ts';
import { float, integer, MAX_DEPTH, setKey, type Ipld } from './value.ts';

/**
 * Canonical DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/): map keys sorted length first then bytewise,
 * shortest integers, floats always 64 bits, links as tag 42. Both ways lossless for `Ipld`; `@ipld/dag-cbor` is not
 * used because it turns 1.0 into the integer 1, which changes CIDs.
 *
 * `decode` is strict: each value has one encoding, checked while reading, so bytes that decode are the bytes `encode`
 * would write. Both throw `IPLD_INVALID`.
 */
export { encode } from './dag-cbor-encode.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

interface Reader {
  readonly bytes: Uint8Array;
  at: number;
  /** Copy of `bytes` that the links of the value are views of: one copy costs less than one for each link. */
  own: Uint8Array | undefined;
}

/** The value shares no memory with `bytes`. */
export function decode(bytes: Uint8Array): Ipld {
  const reader: Reader = { bytes, at: 0, own: undefined };
  const value = read(reader, 0);
  if (reader.at !== bytes.length) throw invalid(reader.at, 'more bytes follow the value');
  return value;
}

/**
 * The value under one key of the map that `bytes` are; undefined if it has no such key. What stands behind it is not looked at, so this is
 * for bytes that were decoded whole before.
 */
export function decodeKey(bytes: Uint8Array, key: string): Ipld | undefined {
  const reader: Reader = { bytes, at: 0, own: undefined };
  const first = bytes[0];
  if (first === undefined || first >> 5 !== 5) throw invalid(0, 'it is not a map');
  for (let left = readLength(reader, first); left > 0; left--) {
    const found = read(reader, 1);
    const value = read(reader, 1);
    if (found === key) return value;
  }
  return undefined;
}

function invalid(at: number, problem: string, cause?: unknown): DocketError {
  const message = `not canonical DAG-CBOR at byte ${at}: ${problem}`;
  return new DocketError('IPLD_INVALID', message, cause === undefined ? { details: { at } } : { details: { at }, cause });
}

function read(reader: Reader, depth: number): Ipld {
  const start = reader.at;
  const first = reader.bytes[start];
  if (first === undefined) throw invalid(start, 'the bytes end too early');
  switch (first >> 5) {
    case 0:
      return readArgument(reader, first);
    case 1: {
      const argument = readArgument(reader, first);
      return typeof argument === 'number' && argument < Number.MAX_SAFE_INTEGER ? -1 - argument : integer(-1n - BigInt(argument));
    }
    case 2: {
      const length = readLength(reader, first);
      const from = reader.at;
      reader.at += length;
      return copy(reader.bytes, from, reader.at);
    }
    case 3:
      return readText(reader);
    case 4:
      return readList(reader, first, depth);
    case 5:
      return readMap(reader, first, depth);
    case 6:
      return readLink(reader, first);
    default:
      return readSimple(reader, first);
  }
}

/** Moves past the initial byte and its argument, which must have the shortest form. */
function readArgument(reader: Reader, first: number): number | bigint {
  const start = reader.at;
  const info = first & 31;
  if (info < 24) {
    reader.at = start + 1;
    return info;
  }
  if (info > 27) throw invalid(start, info === 31 ? 'indefinite length' : 'reserved length');
  const size = 1 << (info - 24);
  if (start + 1 + size > reader.bytes.length) throw invalid(start, 'the bytes end too early');
  reader.at = start + 1 + size;
  if (size === 8) return readLong(reader, start);
  let value = 0;
  for (let i = 1; i <= size; i++) value = value * 256 + (reader.bytes[start + i] as number);
  if (value < (size === 1 ? 24 : 2 ** (size * 4))) throw invalid(start, 'a number is not in its shortest form');
  return value;
}

function readLong(reader: Reader, start: number): number | bigint {
  const { bytes } = reader;
  const value = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(start + 1);
  if (value < 2n ** 32n) throw invalid(start, 'a number is not in its shortest form');
  return integer(value);
}

/** An argument that counts bytes or items; each takes at least one byte, so a false count never makes us allocate. */
function readLength(reader: Reader, first: number): number {
  const start = reader.at;
  const length = readArgument(reader, first);
  if (typeof length === 'bigint' || length > reader.bytes.length - reader.at) throw invalid(start, 'the bytes end too early');
  return length;
}

function copy(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const taken = new Uint8Array(to - from);
  taken.set(bytes.subarray(from, to));
  return taken;
}

function readText(reader: Reader): string {
  const start = reader.at;
  const length = readLength(reader, reader.bytes[start] as number);
  const from = reader.at;
  const to = from + length;
  reader.at = to;
  if (length <= 12) {
    let text = '';
    let at = from;
    for (; at < to; at++) {
      const code = reader.bytes[at] as number;
      if (code >= 0x80) break;
      text += String.fromCharCode(code);
    }
    if (at === to) return text;
  }
  try {
    return utf8.decode(reader.bytes.subarray(from, to));
  } catch (cause) {
    throw invalid(start, 'a string is not UTF-8', cause);
  }
}

function readList(reader: Reader, first: number, depth: number): Ipld {
  enter(reader, depth);
  const length = readLength(reader, first);
  const list: Ipld[] = [];
  for (let i = 0; i < length; i++) list.push(read(reader, depth + 1));
  return list;
}

function readMap(reader: Reader, first: number, depth: number): Ipld {
  enter(reader, depth);
  const length = readLength(reader, first);
  const map: { [key: string]: Ipld } = {};
  let previous = -1;
  for (let i = 0; i < length; i++) {
    const start = reader.at;
    const head = reader.bytes[start];
    if (head === undefined) throw invalid(start, 'the bytes end too early');
    if (head >> 5 !== 3) throw invalid(start, 'a map key is not a string');
    const key = readText(reader);
    if (previous >= 0) checkOrder(reader.bytes, previous, start, reader.at);
    previous = start;
    setKey(map, key, read(reader, depth + 1));
  }
  return map;
}

/** Comparing heads and all compares lengths first, because a longer string has a greater head. */
function checkOrder(bytes: Uint8Array, previous: number, start: number, end: number): void {
  for (let i = 0; start + i < end; i++) {
    const difference = (bytes[start + i] as number) - (bytes[previous + i] as number);
    if (difference > 0) return;
    if (difference < 0) throw invalid(start, 'map keys are out of order');
  }
  throw invalid(start, 'a map key stands twice');
}

function enter(reader: Reader, depth: number): void {
  if (depth >= MAX_DEPTH) throw invalid(reader.at, `lists and maps nest more than ${MAX_DEPTH} deep`);
}

function readLink(reader: Reader, first: number): CID {
  const start = reader.at;
  if (readArgument(reader, first) !== 42) throw invalid(start, 'a tag other than 42');
  const head = reader.bytes[reader.at];
  if (head === undefined || head >> 5 !== 2) throw invalid(start, 'a link is not bytes');
  const length = readLength(reader, head);
  const from = reader.at;
  reader.at += length;
  if (length === 0 || reader.bytes[from] !== 0) throw invalid(start, 'a link without its leading zero');
  reader.own ??= copy(reader.bytes, 0, reader.bytes.length);
  const cid = fromBytes(reader.own.subarray(from + 1, reader.at));
  if (cid === undefined) throw invalid(start, 'a link is not a canonical CID');
  return cid;
}

function readSimple(reader: Reader, first: number): Ipld {
  const start = reader.at;
  reader.at = start + 1;
  if (first === 0xf4) return false;
  if (first === 0xf5) return true;
  if (first === 0xf6) return null;
  if (first !== 0xfb) throw invalid(start, 'a simple value or a float of other than 64 bits');
  const { bytes } = reader;
  if (start + 9 > bytes.length) throw invalid(start, 'the bytes end too early');
  reader.at = start + 9;
  const value = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(start + 1);
  if (!Number.isFinite(value)) throw invalid(start, `the float ${value}`);
  return float(value);
}
