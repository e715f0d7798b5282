import type { CID } from 'multiformats/cid';

/**
 * The IPLD data model as JavaScript values, without loss:
 *
 * | IPLD    | JavaScript |
 * |---------|------------|
 * | integer | `number` if safe (|n| ≤ 2^53-1), else `bigint`; range -2^64 … 2^64-1 |
 * | float   | `number` if it has a fraction, else `Float` (so that 1.0 stays a float); no NaN, no infinities |
 * | string  | `string` without lone surrogates |
 * | bytes   | `Uint8Array` |
 * | link    | `CID` |
 * | map     | plain object with string keys; any key is data, `__proto__` too, so look keys up with `Object.hasOwn` |
 *
 * A whole `number` therefore always means an integer. Lists and maps nest at most `MAX_DEPTH` deep.
 */
export type Ipld = null | boolean | number | bigint | Float | string | Uint8Array | CID | IpldList | IpldMap;
export type IpldList = readonly Ipld[];
export interface IpldMap {
  readonly [key: string]: Ipld;
}

/** Lists and maps within each other; what is deeper is refused, so that no walk over a value exhausts the stack. */
export const MAX_DEPTH = 512;

/** Bounds of an integer, those of CBOR. */
export const MAX_INTEGER = 2n ** 64n - 1n;
export const MIN_INTEGER = -(2n ** 64n);

/** A float whose value is whole (1.0, -0.0, 1e300). Floats with a fraction may be plain numbers. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** The Ipld form of a JavaScript number that is meant as a float: `1` → `Float(1)`, `1.5` → `1.5`. */
export function float(value: number): number | Float {
  return Number.isInteger(value) ? new Float(value) : value;
}

/** The Ipld form of an integer of any size: safe ones as `number`, the rest as `bigint`. */
export function integer(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

export function isLink(value: unknown): value is CID {
  return typeof value === 'object' && value !== null && (value as { asCID?: unknown }).asCID === value;
}

export function isMap(value: Ipld | undefined): value is IpldMap {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Float) &&
    !isLink(value)
  );
}

export function isList(value: Ipld | undefined): value is IpldList {
  return Array.isArray(value);
}

/** Whether `value` is an object that maps are written as; a `Date`, a `Map` or a class of one's own is none. */
export function isPlain(value: object): value is { readonly [key: string]: unknown } {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Sets a key that came from outside; assigning to `__proto__` would change the prototype instead. */
export function setKey(map: { [key: string]: Ipld }, key: string, value: Ipld): void {
  if (key === '__proto__') Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}
