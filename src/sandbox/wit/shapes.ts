import type { WitInteger, WitPrimitive, WitType } from './model.ts';

/** What both directions have to agree on. */

/** Whether null stands for a value of the type in IPLD, so that around it null cannot say which of two things it is. */
export function isNullable(type: WitType | undefined): boolean {
  return type?.kind === 'option';
}

/**
 * Whether a call has an option as `{tag, val}`. It does where what is inside can be `undefined`, so options within each other alternate:
 * the innermost is plain, the next tagged, the one around that plain again.
 */
export function isTagged({ some }: Extract<WitType, { kind: 'option' }>): boolean {
  return some.kind === 'option' && !isTagged(some);
}

/** The value type of a list that IPLD has as a map: of pairs whose first is a string. */
export function mapValueType(element: WitType): WitType | undefined {
  if (element.kind !== 'tuple' || element.types.length !== 2) return undefined;
  const [key, value] = element.types;
  return key?.kind === 'string' ? value : undefined;
}

export const INTEGERS: Readonly<Record<WitInteger, readonly [least: bigint, most: bigint]>> = {
  u8: [0n, 2n ** 8n - 1n],
  u16: [0n, 2n ** 16n - 1n],
  u32: [0n, 2n ** 32n - 1n],
  u64: [0n, 2n ** 64n - 1n],
  s8: [-(2n ** 7n), 2n ** 7n - 1n],
  s16: [-(2n ** 15n), 2n ** 15n - 1n],
  s32: [-(2n ** 31n), 2n ** 31n - 1n],
  s64: [-(2n ** 63n), 2n ** 63n - 1n],
};

export function isIntegerType(type: WitType): type is Extract<WitType, { kind: WitInteger }> {
  return Object.hasOwn(INTEGERS, type.kind);
}

export type NumberArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

type NumberArrayKind = { new (length: number): NumberArray; readonly prototype: NumberArray };

/** Transpiled code takes and gives lists of numbers as typed arrays. */
const ARRAYS: Readonly<Partial<Record<WitPrimitive, NumberArrayKind>>> = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  u64: BigUint64Array,
  s8: Int8Array,
  s16: Int16Array,
  s32: Int32Array,
  s64: BigInt64Array,
  f32: Float32Array,
  f64: Float64Array,
};

export function arrayOf(element: WitType): NumberArrayKind | undefined {
  return Object.hasOwn(ARRAYS, element.kind) ? ARRAYS[element.kind as WitPrimitive] : undefined;
}
