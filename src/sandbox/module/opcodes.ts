import * as Feature from './feature.ts';

/**
 * What follows each opcode, so that a body can be walked without knowing what it computes
 * (https://webassembly.github.io/spec/core/binary/instructions.html; legacy exceptions:
 * https://github.com/WebAssembly/exception-handling/blob/main/proposals/exception-handling/legacy/Exceptions.md).
 * An allow-list: an opcode that is not set here is unknown, and a test holds every entry against V8.
 *
 * An entry is `shape | features << 8`.
 */
export type OpcodeTable = Uint32Array;

export const SHAPE_MASK = 0xff;
export const FEATURE_SHIFT = 8;

/** Shapes. Numbers rather than names: the walker switches on them once per instruction. */
export const UNKNOWN = 0;
export const NONE = 1;
/** One u32: an index or a label. */
export const INDEX = 2;
export const INDEX_PAIR = 3;
/** Alignment, then offset. */
export const MEMARG = 4;
export const BLOCK = 5;
export const I32 = 6;
export const I64 = 7;
export const F32 = 8;
export const F64 = 9;
export const BR_TABLE = 10;
/** The index of a memory, which must be 0. */
export const MEMORY = 11;
export const MEMORY_PAIR = 12;
/** An index, then the index of a memory. */
export const INDEX_MEMORY = 13;
export const TYPES = 14;
export const HEAP_TYPE = 15;
export const TRY_TABLE = 16;
export const NUMERIC_PREFIX = 17;
export const SIMD_PREFIX = 18;
export const LANE = 19;
export const MEMARG_LANE = 20;
export const BYTES_16 = 21;
/** A feature that is known and not let in: see `refusedOpcode`. */
export const REFUSED = 22;

type Row = readonly [first: number, last: number, shape: number, features?: number];

function table(length: number, rows: readonly Row[]): OpcodeTable {
  const entries = new Uint32Array(length);
  for (const [first, last, shape, features = 0] of rows) entries.fill(shape | (features << FEATURE_SHIFT), first, last + 1);
  return entries;
}

const { LEGACY_EXCEPTIONS, EXCEPTIONS, TAIL_CALL, REFERENCE_TYPES, BULK_MEMORY, SIMD } = Feature;

export const MAIN: OpcodeTable = table(256, [
  [0x00, 0x01, NONE], // unreachable, nop
  [0x02, 0x04, BLOCK], // block, loop, if
  [0x05, 0x05, NONE], // else
  [0x06, 0x06, BLOCK, LEGACY_EXCEPTIONS], // try
  [0x07, 0x07, INDEX, LEGACY_EXCEPTIONS], // catch
  [0x08, 0x08, INDEX, EXCEPTIONS], // throw
  [0x09, 0x09, INDEX, LEGACY_EXCEPTIONS], // rethrow
  [0x0a, 0x0a, NONE, EXCEPTIONS], // throw_ref
  [0x0b, 0x0b, NONE], // end
  [0x0c, 0x0d, INDEX], // br, br_if
  [0x0e, 0x0e, BR_TABLE],
  [0x0f, 0x0f, NONE], // return
  [0x10, 0x10, INDEX], // call
  [0x11, 0x11, INDEX_PAIR], // call_indirect
  [0x12, 0x12, INDEX, TAIL_CALL], // return_call
  [0x13, 0x13, INDEX_PAIR, TAIL_CALL], // return_call_indirect
  [0x14, 0x15, REFUSED], // call_ref, return_call_ref
  [0x18, 0x18, INDEX, LEGACY_EXCEPTIONS], // delegate
  [0x19, 0x19, NONE, LEGACY_EXCEPTIONS], // catch_all
  [0x1a, 0x1b, NONE], // drop, select
  [0x1c, 0x1c, TYPES, REFERENCE_TYPES], // select t
  [0x1f, 0x1f, TRY_TABLE, EXCEPTIONS],
  [0x20, 0x24, INDEX], // local.*, global.*
  [0x25, 0x26, INDEX, REFERENCE_TYPES], // table.get, table.set
  [0x28, 0x3e, MEMARG], // loads and stores
  [0x3f, 0x40, MEMORY], // memory.size, memory.grow
  [0x41, 0x41, I32],
  [0x42, 0x42, I64],
  [0x43, 0x43, F32],
  [0x44, 0x44, F64],
  [0x45, 0xbf, NONE], // comparisons, arithmetic, conversions
  [0xc0, 0xc4, NONE, Feature.SIGN_EXTENSION],
  [0xd0, 0xd0, HEAP_TYPE, REFERENCE_TYPES], // ref.null
  [0xd1, 0xd1, NONE, REFERENCE_TYPES], // ref.is_null
  [0xd2, 0xd2, INDEX, REFERENCE_TYPES], // ref.func
  [0xd3, 0xd6, REFUSED], // ref.eq, ref.as_non_null, br_on_null, br_on_non_null
  [0xe0, 0xe6, REFUSED], // cont.*, suspend, resume, switch
  [0xfb, 0xfb, REFUSED],
  [0xfc, 0xfc, NUMERIC_PREFIX],
  [0xfd, 0xfd, SIMD_PREFIX],
  [0xfe, 0xfe, REFUSED],
]);

/** After 0xfc. */
export const NUMERIC: OpcodeTable = table(32, [
  [0, 7, NONE, Feature.SATURATING],
  [8, 8, INDEX_MEMORY, BULK_MEMORY], // memory.init
  [9, 9, INDEX, BULK_MEMORY], // data.drop
  [10, 10, MEMORY_PAIR, BULK_MEMORY], // memory.copy
  [11, 11, MEMORY, BULK_MEMORY], // memory.fill
  [12, 12, INDEX_PAIR, BULK_MEMORY], // table.init
  [13, 13, INDEX, BULK_MEMORY], // elem.drop
  [14, 14, INDEX_PAIR, BULK_MEMORY], // table.copy
  [15, 17, INDEX, REFERENCE_TYPES], // table.grow, table.size, table.fill
  [18, 22, REFUSED],
]);

/** After 0xfd. The holes are numbers that were given up before SIMD was fixed. */
export const VECTOR: OpcodeTable = table(256, [
  [0x00, 0x0b, MEMARG, SIMD], // loads, store
  [0x0c, 0x0d, BYTES_16, SIMD], // v128.const, i8x16.shuffle
  [0x0e, 0x14, NONE, SIMD], // i8x16.swizzle, splats
  [0x15, 0x22, LANE, SIMD], // extract_lane, replace_lane
  [0x23, 0x53, NONE, SIMD],
  [0x54, 0x5b, MEMARG_LANE, SIMD], // load_lane, store_lane
  [0x5c, 0x5d, MEMARG, SIMD], // load_zero
  [0x5e, 0xff, NONE, SIMD],
  ...[0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4, 0xe2, 0xee].map(
    (op): Row => [op, op, UNKNOWN],
  ),
]);

/** The feature a refused opcode belongs to; `second` is the number after a prefix. */
export function refusedOpcode(first: number, second = 0): string {
  if (first === 0xfb) return second >= 0x80 ? Feature.STRINGREF : Feature.GC;
  if (first === 0xfc) return second === 18 ? Feature.MEMORY_CONTROL : Feature.WIDE_ARITHMETIC;
  if (first === 0xfd) return second < 0x120 ? Feature.RELAXED_SIMD : Feature.HALF_PRECISION;
  if (first === 0xfe) return Feature.THREADS;
  if (first >= 0xe0) return Feature.STACK_SWITCHING;
  return first === 0xd3 ? Feature.GC : Feature.TYPED_REFERENCES;
}
