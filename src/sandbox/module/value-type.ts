import { hex, malformed, refused } from './fault.ts';
import {
  EXCEPTIONS,
  GC,
  MEMORY64,
  PAGE_SIZES,
  REFERENCE_TYPES,
  SIMD,
  STACK_SWITCHING,
  STORED_EXCEPTIONS,
  STRINGREF,
  THREADS,
  TYPED_REFERENCES,
} from './feature.ts';
import type { TableType, ValueType } from './model.ts';
import type { Reader } from './reader.ts';

/** https://webassembly.github.io/spec/core/binary/types.html#value-types; `undefined` for codes that are not let in. */
const CODES: readonly (readonly [number, ValueType, number])[] = [
  [0x7f, 'i32', 0],
  [0x7e, 'i64', 0],
  [0x7d, 'f32', 0],
  [0x7c, 'f64', 0],
  [0x7b, 'v128', SIMD],
  [0x70, 'funcref', REFERENCE_TYPES],
  [0x6f, 'externref', REFERENCE_TYPES],
  [0x69, 'exnref', EXCEPTIONS],
];

const TYPES: readonly (ValueType | undefined)[] = Array.from({ length: 256 }, (_, code) => CODES.find(([c]) => c === code)?.[1]);
const BITS: readonly number[] = Array.from({ length: 256 }, (_, code) => CODES.find(([c]) => c === code)?.[2] ?? 0);

/** Codes of types that exist and are not let in, by the feature they belong to. */
const FOREIGN: ReadonlyMap<number, string> = new Map([
  ...[0x78, 0x77, 0x74, 0x73, 0x72, 0x71, 0x6e, 0x6d, 0x6c, 0x6b, 0x6a, 0x62, 0x61, 0x5f, 0x5e, 0x50, 0x4f, 0x4e, 0x4d, 0x4c].map(
    (code): [number, string] => [code, GC],
  ),
  [0x76, THREADS],
  [0x65, THREADS],
  [0x75, STACK_SWITCHING],
  [0x68, STACK_SWITCHING],
  [0x5d, STACK_SWITCHING],
  ...[0x67, 0x66, 0x60].map((code): [number, string] => [code, STRINGREF]),
]);

/** The error for a type code that is not let in. A reference to a numbered type could be to a GC type just as well: refused as a whole. */
export function badType(code: number, offset: number, what: string): Error {
  const text = `${what} has type ${hex(code)}`;
  if (code === 0x64 || code === 0x63) return refused(offset, TYPED_REFERENCES, text);
  const feature = FOREIGN.get(code);
  return feature === undefined ? malformed(offset, `${text}, which does not exist`) : refused(offset, feature, text);
}

/** A type of a value on the stack; tells which feature it belongs to. */
export function valueType(reader: Reader, what: string): ValueType {
  const offset = reader.at;
  const code = reader.u8(what);
  const type = TYPES[code];
  if (type === undefined) throw badType(code, offset, what);
  return type;
}

/** Feature bits of a value type's code, 0 for the plain ones and for codes that are no type. */
export function typeBits(code: number): number {
  return BITS[code] as number;
}

export function isValueType(code: number): boolean {
  return TYPES[code] !== undefined;
}

/** A type of something that outlives a call: `exnref` is refused, a chain of stored exceptions would grow past every limit. */
export function storedType(reader: Reader, what: string): ValueType {
  const offset = reader.at;
  const type = valueType(reader, what);
  if (type === 'exnref') throw refused(offset, STORED_EXCEPTIONS, what);
  return type;
}

export function elementType(reader: Reader, what: string): TableType['element'] {
  const offset = reader.at;
  const type = storedType(reader, what);
  if (type !== 'funcref' && type !== 'externref') throw malformed(offset, `${what} holds ${type}, which is not a reference`);
  return type;
}

/** `{initial, maximum}` of a table or memory: a flags byte, then one or two numbers. */
export function limits(reader: Reader, what: string, most: number): { initial: number; maximum?: number } {
  const offset = reader.at;
  const flags = reader.u8(`the limits of ${what}`);
  if (flags > 0x0f) throw malformed(offset, `${what} has limits of unknown kind ${hex(flags)}`);
  if ((flags & 8) !== 0) throw refused(offset, PAGE_SIZES, what);
  if ((flags & 4) !== 0) throw refused(offset, MEMORY64, what);
  if ((flags & 2) !== 0) throw refused(offset, THREADS, what);
  const initial = reader.u32(`the initial size of ${what}`);
  if (initial > most) throw malformed(offset, `${what} starts with ${initial}, more than ${most}`);
  if ((flags & 1) === 0) return { initial };
  const maximum = reader.u32(`the maximum of ${what}`);
  if (maximum > most) throw malformed(offset, `${what} has a maximum of ${maximum}, more than ${most}`);
  if (maximum < initial) throw malformed(offset, `${what} has a maximum of ${maximum}, less than the ${initial} it starts with`);
  return { initial, maximum };
}
