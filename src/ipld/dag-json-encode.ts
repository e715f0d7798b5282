import { base64 } from 'multiformats/bases/base64';
import { DocketError } from '../errors.ts';
import { sortBytewise } from './key-order.ts';
import { Float, isLink, isPlain, MAX_DEPTH, MAX_INTEGER, MIN_INTEGER, type Ipld } from './value.ts';

/** The writing half of `dag-json.ts`. */

interface EncodeOptions {
  /** Spaces per level, for people; default none, which is the canonical form. */
  readonly indent?: number;
}

export function encode(value: Ipld, options: EncodeOptions = {}): string {
  return text(value, options.indent === undefined ? undefined : ' '.repeat(options.indent), '\n', 0);
}

function invalid(message: string): DocketError {
  return new DocketError('IPLD_INVALID', message);
}

/** `newline` is the line break with the indentation of the container `value` stands in. */
function text(value: unknown, indent: string | undefined, newline: string, depth: number): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'bigint') {
    if (value > MAX_INTEGER || value < MIN_INTEGER) throw invalid(`the integer ${value} is outside of -2^64 … 2^64-1`);
    return value.toString();
  }
  if (typeof value !== 'object') throw invalid(`${typeof value} is not an IPLD value`);
  if (value instanceof Float) return floatText(value.value);
  if (value instanceof Uint8Array) return `{"/":{"bytes":"${base64.baseEncode(value)}"}}`;
  if (isLink(value)) return `{"/":"${value.toString()}"}`;
  if (depth >= MAX_DEPTH) throw invalid(`lists and maps nest more than ${MAX_DEPTH} deep`);
  const inner = newline + (indent ?? '');
  if (Array.isArray(value))
    return wrap(
      '[',
      Array.from(value, (item: unknown) => text(item, indent, inner, depth + 1)),
      ']',
      indent,
      newline,
    );
  if (!isPlain(value)) throw invalid(`an object of class ${value.constructor?.name ?? 'unknown'} is not an IPLD value`);
  const keys = sortBytewise(Object.keys(value));
  refuseReserved(value, keys);
  const colon = indent === undefined ? ':' : ': ';
  const entries = keys.map((key) => quote(key) + colon + text(value[key], indent, inner, depth + 1));
  return wrap('{', entries, '}', indent, newline);
}

function wrap(open: string, items: readonly string[], close: string, indent: string | undefined, newline: string): string {
  if (indent === undefined || items.length === 0) return open + items.join(',') + close;
  const inner = newline + indent;
  return open + inner + items.join(`,${inner}`) + newline + close;
}

function quote(value: string): string {
  if (!value.isWellFormed()) throw invalid('a string holds a lone surrogate');
  return JSON.stringify(value);
}

function numberText(value: number): string {
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw invalid(`the integer ${value} is not exact: give it as a bigint, or as a Float`);
  }
  // Adding zero makes the integer -0 a 0, as DAG-CBOR does.
  return Number.isInteger(value) ? String(value + 0) : floatText(value);
}

/** Shortest decimal that reads back as `value`, with a point or an exponent, which is what tells it from an integer. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) throw invalid(`${value} has no IPLD form`);
  const digits = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(digits) ? digits : `${digits}.0`;
}

/** A map that would read back as a link or as bytes, or be refused as a broken one. `keys` are sorted. */
function refuseReserved(map: { readonly [key: string]: unknown }, keys: readonly string[]): void {
  if (keys[0] !== '/') return;
  const value = map['/'];
  if (typeof value === 'string' || isBytesMap(value)) {
    throw invalid('a map whose first key is "/" with a string or {"bytes": …} under it has no DAG-JSON form');
  }
}

function isBytesMap(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !isPlain(value)) return false;
  return sortBytewise(Object.keys(value))[0] === 'bytes' && typeof value['bytes'] === 'string';
}
