import type { WitType } from '../wit/model.ts';
import { VALUE_WEIGHT } from './meter.ts';
import type { Passage } from './region.ts';
import { trap } from './trap.ts';

/**
 * How values of a WIT type pass between JavaScript and a guest, as core values and in memory.
 * https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
 *
 * The JavaScript shapes: integers of 64 bits are bigints, the others numbers; `char` and `string` strings; a list of numbers a typed array, another an array; a record an
 * object with keys in camel case; a tuple an array; a variant `{tag, val}`; an enum its name; flags an object of booleans; `option` undefined or the value,
 * `{tag: 'none' | 'some', val}` where the value may be undefined itself (`isTagged`); `result` `{tag: 'ok' | 'err', val}`. (Those of jco, but that no result is thrown.)
 */

export type CoreType = 'i32' | 'i64' | 'f32' | 'f64';
export type CoreValue = number | bigint;

/** Core values of one call, in order. */
export interface Source {
  next(): CoreValue;
}

export interface Codec {
  readonly type: WitType;
  /** Bytes in memory, at least 1. */
  readonly size: number;
  readonly align: number;
  /** Levels of types in it. */
  readonly depth: number;
  /** What a value weighs for the host, beside its bytes and what lies elsewhere in memory; at least what names of fields, cases and flags take as DAG-CBOR. */
  readonly weight: number;
  /** Values it consists of as IPLD, at least, without those of lists. */
  readonly items: number;
  /** The core values it is passed as; undefined if there are more than `MOST_FLAT`. */
  readonly flat: readonly CoreType[] | undefined;
  /** `at` was checked for all of `size`. */
  load(pass: Passage, at: number): unknown;
  store(pass: Passage, value: unknown, at: number): void;
  lift(pass: Passage, from: Source): unknown;
  lower(pass: Passage, value: unknown, into: CoreValue[]): void;
}

/** Core values as which parameters may be passed; beyond that they go through memory. */
export const MOST_FLAT = 16;

export class Values implements Source {
  readonly #values: readonly CoreValue[];
  #at = 0;

  constructor(values: readonly CoreValue[]) {
    this.#values = values;
  }

  next(): CoreValue {
    return this.#values[this.#at++] as CoreValue;
  }
}

interface Scalar<T> {
  readonly size: number;
  readonly flat: CoreType;
  readonly load: (view: DataView, at: number) => T;
  readonly store: (view: DataView, value: T, at: number) => void;
  readonly lift: (value: CoreValue) => T;
  readonly lower: (value: T) => CoreValue;
}

function scalar<T>(kind: (WitType & { kind: string })['kind'], { size, flat, load, store, lift, lower }: Scalar<T>): Codec {
  return {
    type: { kind } as WitType,
    size,
    align: size,
    depth: 1,
    weight: VALUE_WEIGHT,
    items: 1,
    flat: [flat],
    load: ({ region }, at) => load(region.view, at),
    store: ({ region }, value, at) => store(region.view, value as T, at),
    lift: (_pass, from) => lift(from.next()),
    lower: (_pass, value, into) => void into.push(lower(value as T)),
  };
}

const asNumber = (value: CoreValue): number => value as number;
const same = <T>(value: T): T => value;

function toChar(code: number): string {
  if (code >= 0x11_0000 || (code >= 0xd800 && code < 0xe000)) throw trap(`${code} is no character`);
  return String.fromCodePoint(code);
}

const codeOf = (char: string): number => char.codePointAt(0) as number;

/** Core integers are wider than what they stand for: what is beyond it does not count. */
export const PRIMITIVES = {
  bool: scalar<boolean>('bool', {
    size: 1,
    flat: 'i32',
    load: (view, at) => view.getUint8(at) !== 0,
    store: (view, value, at) => view.setUint8(at, value ? 1 : 0),
    lift: (value) => value !== 0,
    lower: (value) => (value ? 1 : 0),
  }),
  u8: scalar<number>('u8', {
    size: 1,
    flat: 'i32',
    load: (view, at) => view.getUint8(at),
    store: (view, value, at) => view.setUint8(at, value),
    lift: (value) => asNumber(value) & 0xff,
    lower: same,
  }),
  s8: scalar<number>('s8', {
    size: 1,
    flat: 'i32',
    load: (view, at) => view.getInt8(at),
    store: (view, value, at) => view.setInt8(at, value),
    lift: (value) => (asNumber(value) << 24) >> 24,
    lower: same,
  }),
  u16: scalar<number>('u16', {
    size: 2,
    flat: 'i32',
    load: (view, at) => view.getUint16(at, true),
    store: (view, value, at) => view.setUint16(at, value, true),
    lift: (value) => asNumber(value) & 0xffff,
    lower: same,
  }),
  s16: scalar<number>('s16', {
    size: 2,
    flat: 'i32',
    load: (view, at) => view.getInt16(at, true),
    store: (view, value, at) => view.setInt16(at, value, true),
    lift: (value) => (asNumber(value) << 16) >> 16,
    lower: same,
  }),
  u32: scalar<number>('u32', {
    size: 4,
    flat: 'i32',
    load: (view, at) => view.getUint32(at, true),
    store: (view, value, at) => view.setUint32(at, value, true),
    lift: (value) => asNumber(value) >>> 0,
    lower: (value) => value | 0,
  }),
  s32: scalar<number>('s32', {
    size: 4,
    flat: 'i32',
    load: (view, at) => view.getInt32(at, true),
    store: (view, value, at) => view.setInt32(at, value, true),
    lift: asNumber,
    lower: same,
  }),
  u64: scalar<bigint>('u64', {
    size: 8,
    flat: 'i64',
    load: (view, at) => view.getBigUint64(at, true),
    store: (view, value, at) => view.setBigUint64(at, value, true),
    lift: (value) => BigInt.asUintN(64, value as bigint),
    lower: (value) => BigInt.asIntN(64, value),
  }),
  s64: scalar<bigint>('s64', {
    size: 8,
    flat: 'i64',
    load: (view, at) => view.getBigInt64(at, true),
    store: (view, value, at) => view.setBigInt64(at, value, true),
    lift: (value) => BigInt.asIntN(64, value as bigint),
    lower: same,
  }),
  f32: scalar<number>('f32', {
    size: 4,
    flat: 'f32',
    load: (view, at) => view.getFloat32(at, true),
    store: (view, value, at) => view.setFloat32(at, value, true),
    lift: asNumber,
    lower: same,
  }),
  f64: scalar<number>('f64', {
    size: 8,
    flat: 'f64',
    load: (view, at) => view.getFloat64(at, true),
    store: (view, value, at) => view.setFloat64(at, value, true),
    lift: asNumber,
    lower: same,
  }),
  char: scalar<string>('char', {
    size: 4,
    flat: 'i32',
    load: (view, at) => toChar(view.getUint32(at, true)),
    store: (view, value, at) => view.setUint32(at, codeOf(value), true),
    lift: (value) => toChar(asNumber(value) >>> 0),
    lower: codeOf,
  }),
} as const;
