import { hex, malformed, refused } from './fault.ts';
import { MULTI_MEMORY, MULTI_VALUE } from './feature.ts';
import * as Op from './opcodes.ts';
import { Reader, skipS32, skipS33, skipS64, skipU32 } from './reader.ts';
import { badType, isValueType, typeBits } from './value-type.ts';

/** `code`: the opcode, behind a prefix `prefix << 8 | number`. The instruction lies in `[offset, next)`. */
export type Visit = (code: number, offset: number, next: number) => void;

/**
 * Walks the instructions in `bytes[at, end)`, a body behind its locals, and gives the features they use. Throws for what is not let in.
 * It only separates instructions; that they fit together is for V8 to check. One loop over plain locals, positions instead of
 * a reader, since every byte of every module passes here: reads may run a few bytes past `end`, which the loop then notices.
 * `visit` is told of each instruction once it was read, in order.
 */
export function walkBody(bytes: Uint8Array, start: number, end: number, visit?: Visit): number {
  let at = start;
  let last = -1;
  let used = 0;
  while (at < end) {
    const offset = at;
    last = bytes[at++] as number;
    let told = last;
    let entry = Op.MAIN[last] as number;
    let shape = entry & Op.SHAPE_MASK;
    if (shape === Op.NUMERIC_PREFIX || shape === Op.SIMD_PREFIX) {
      let second = bytes[at] as number;
      if (second < 0x80) at++;
      else {
        const reader = new Reader(bytes, at, end);
        second = reader.u32('an opcode');
        at = reader.at;
      }
      entry = prefixed(last, second, offset);
      told = (last << 8) | second;
      shape = entry & Op.SHAPE_MASK;
      last = -1;
    }
    used |= entry >>> Op.FEATURE_SHIFT;
    switch (shape) {
      case Op.NONE:
        break;
      case Op.INDEX:
        at = u32(bytes, at);
        break;
      case Op.MEMARG:
        at = memarg(bytes, at);
        break;
      case Op.I32:
        at = (bytes[at] as number) < 0x80 ? at + 1 : skipS32(bytes, at);
        break;
      case Op.BLOCK: {
        const code = bytes[at] as number;
        if (code !== 0x40 && !isValueType(code)) used |= MULTI_VALUE;
        else used |= typeBits(code);
        at = blockType(bytes, at);
        break;
      }
      case Op.I64:
        at = (bytes[at] as number) < 0x80 ? at + 1 : skipS64(bytes, at);
        break;
      case Op.F32:
        at += 4;
        break;
      case Op.F64:
        at += 8;
        break;
      case Op.INDEX_PAIR:
        at = u32(bytes, u32(bytes, at));
        break;
      case Op.MEMORY:
        at = memory(bytes, at);
        break;
      case Op.MEMORY_PAIR:
        at = memory(bytes, memory(bytes, at));
        break;
      case Op.INDEX_MEMORY:
        at = memory(bytes, u32(bytes, at));
        break;
      case Op.LANE:
        at += 1;
        break;
      case Op.MEMARG_LANE:
        at = memarg(bytes, at) + 1;
        break;
      case Op.BYTES_16:
        at += 16;
        break;
      case Op.BR_TABLE:
        at = branchTable(bytes, at, end);
        break;
      case Op.TYPES:
        at = selectTypes(bytes, at, end);
        break;
      case Op.HEAP_TYPE:
        at = heapType(bytes, at);
        break;
      case Op.TRY_TABLE:
        at = catches(bytes, blockType(bytes, at), end);
        break;
      case Op.REFUSED:
        throw refuse(bytes, last, offset, end);
      default:
        throw malformed(offset, `opcode ${hex(bytes[offset] as number)} does not exist`);
    }
    visit?.(told, offset, at);
  }
  if (at > end) throw malformed(end, 'a function body ends inside an instruction');
  if (last !== 0x0b) throw malformed(end, 'a function body does not end with `end`');
  return used;
}

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) < 0x80 ? at + 1 : skipU32(bytes, at);
}

/** Bit 6 of the alignment says that the index of a memory follows. */
function memarg(bytes: Uint8Array, at: number): number {
  const align = bytes[at] as number;
  if (align >= 0x40 && align < 0x80) throw refused(at, MULTI_MEMORY, 'a load or store names its memory');
  if (align >= 0x80) throw malformed(at, 'an alignment is out of range');
  return u32(bytes, at + 1);
}

function memory(bytes: Uint8Array, at: number): number {
  const index = bytes[at];
  if (index !== 0 && index !== undefined) throw refused(at, MULTI_MEMORY, 'an instruction names a memory other than the first');
  return at + 1;
}

/** None, a value type, or the index of a function type. */
function blockType(bytes: Uint8Array, at: number): number {
  const code = bytes[at] as number;
  if (code === 0x40 || isValueType(code)) return at + 1;
  if (code >= 0x40 && code < 0x80) throw badType(code, at, 'a block');
  const next = skipS33(bytes, at);
  if (((bytes[next - 1] as number) & 0x40) !== 0) throw malformed(at, 'a block has a type that does not exist');
  return next;
}

function heapType(bytes: Uint8Array, at: number): number {
  const code = bytes[at] as number;
  if (code === 0x70 || code === 0x6f || code === 0x69) return at + 1;
  if (code < 0x40 || code >= 0x80) throw badType(0x63, at, 'ref.null of a numbered type');
  throw badType(code, at, 'ref.null');
}

function branchTable(bytes: Uint8Array, at: number, end: number): number {
  const reader = new Reader(bytes, at, end);
  const labels = reader.count('branch labels', 1 << 20);
  let next = reader.at;
  for (let i = 0; i <= labels && next < end; i++) next = u32(bytes, next);
  return next;
}

function selectTypes(bytes: Uint8Array, at: number, end: number): number {
  const reader = new Reader(bytes, at, end);
  for (let left = reader.count('types', 1000); left > 0; left--) {
    const offset = reader.at;
    const code = reader.u8('the type of a select');
    if (!isValueType(code)) throw badType(code, offset, 'a select');
  }
  return reader.at;
}

/** Clauses of try_table: with or without a tag, with or without a reference to the exception; then a label. */
function catches(bytes: Uint8Array, at: number, end: number): number {
  const reader = new Reader(bytes, at, end);
  for (let left = reader.count('catch clauses', 1 << 20); left > 0; left--) {
    const offset = reader.at;
    const kind = reader.u8('a catch clause');
    if (kind > 3) throw malformed(offset, `catch clause ${hex(kind)} does not exist`);
    if (kind < 2) reader.u32('the tag of a catch clause');
    reader.u32('the label of a catch clause');
  }
  return reader.at;
}

function prefixed(first: number, second: number, offset: number): number {
  if (first === 0xfd && second > 0xff) {
    if (second > 0x1ff) throw malformed(offset, `opcode 0xfd ${hex(second)} does not exist`);
    throw refused(offset, Op.refusedOpcode(first, second), `opcode 0xfd ${hex(second)}`);
  }
  const entry = (first === 0xfd ? Op.VECTOR : Op.NUMERIC)[second] ?? Op.UNKNOWN;
  if (entry === Op.REFUSED) throw refused(offset, Op.refusedOpcode(first, second), `opcode ${hex(first)} ${hex(second)}`);
  if (entry === Op.UNKNOWN) throw malformed(offset, `opcode ${hex(first)} ${hex(second)} does not exist`);
  return entry;
}

function refuse(bytes: Uint8Array, opcode: number, offset: number, end: number): Error {
  if (opcode !== 0xfb) return refused(offset, Op.refusedOpcode(opcode), `opcode ${hex(opcode)}`);
  const second = new Reader(bytes, offset + 1, end).u32('an opcode');
  return refused(offset, Op.refusedOpcode(opcode, second), `opcode 0xfb ${hex(second)}`);
}
