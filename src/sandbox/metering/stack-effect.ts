import * as Code from './code.ts';

/**
 * By how much an instruction changes the height of the operand stack; for those whose effect depends on a type, see `survey.ts`. Never less than it does, so that
 * heights that are summed up are bounds.
 */

type Row = readonly [first: number, last: number, effect: number];

function table(length: number, rows: readonly Row[]): Int8Array {
  const effects = new Int8Array(length);
  for (const [first, last, effect] of rows) effects.fill(effect, first, last + 1);
  return effects;
}

const MAIN = table(256, [
  [Code.IF, Code.IF, -1],
  [Code.BR_IF, Code.BR_TABLE, -1],
  [Code.CALL_INDIRECT, Code.CALL_INDIRECT, -1], // what it calls comes on top
  [0x1a, 0x1a, -1], // drop
  [0x1b, 0x1c, -2], // select
  [Code.LOCAL_GET, Code.LOCAL_GET, 1],
  [Code.LOCAL_SET, Code.LOCAL_SET, -1],
  [Code.GLOBAL_GET, Code.GLOBAL_GET, 1],
  [Code.GLOBAL_SET, Code.GLOBAL_SET, -1],
  [0x26, 0x26, -2], // table.set
  [0x36, 0x3e, -2], // stores
  [0x3f, 0x3f, 1], // memory.size
  [0x41, 0x44, 1], // constants
  [0x46, 0x4f, -1],
  [0x51, 0x66, -1],
  [0x6a, 0x78, -1],
  [0x7c, 0x8a, -1],
  [0x92, 0x98, -1],
  [0xa0, 0xa6, -1],
  [0xd0, 0xd0, 1], // ref.null
  [0xd2, 0xd2, 1], // ref.func
]);

const NUMERIC = table(32, [
  [8, 8, -3], // memory.init
  [10, 12, -3], // memory.copy, memory.fill, table.init
  [14, 14, -3], // table.copy
  [15, 15, -1], // table.grow
  [16, 16, 1], // table.size
  [17, 17, -3], // table.fill
]);

const VECTOR = table(256, [
  [0x0b, 0x0b, -2], // v128.store
  [0x0c, 0x0c, 1], // v128.const
  [0x0d, 0x0e, -1],
  ...[0x17, 0x1a, 0x1c, 0x1e, 0x20, 0x22].map((op): Row => [op, op, -1]), // replace_lane
  [0x23, 0x4c, -1],
  [0x4e, 0x51, -1],
  [0x52, 0x52, -2], // bitselect
  [0x54, 0x57, -1], // load_lane
  [0x58, 0x5b, -2], // store_lane
  [0x65, 0x66, -1],
  [0x6b, 0x73, -1],
  [0x76, 0x79, -1],
  [0x7b, 0x7b, -1],
  [0x82, 0x82, -1],
  [0x85, 0x86, -1],
  [0x8b, 0x93, -1],
  [0x95, 0x9f, -1],
  [0xab, 0xba, -1],
  [0xbc, 0xbf, -1],
  [0xcb, 0xdf, -1],
  [0xe4, 0xeb, -1],
  [0xf0, 0xf7, -1],
]);

export function stackEffect(code: number): number {
  if (code < 256) return MAIN[code] as number;
  return (code >> 8 === 0xfc ? NUMERIC : VECTOR)[code & 0xff] ?? 0;
}
