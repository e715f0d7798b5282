import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Op from '../../../src/sandbox/module/opcodes.ts';
import { walkBody } from '../../../src/sandbox/module/walk-body.ts';
import { binary, leb, section, vector } from './helpers.ts';

/**
 * V8 judges the table of immediates: each opcode is put behind `unreachable`, where any operands are there, with immediates
 * that would not be valid opcodes themselves. V8 accepts the body only if it separates the instructions as the table says.
 */

/** No opcode has this number; there are more than 23 of everything that can be indexed. */
const N = 0x17;
const COUNT = N + 1;

function many(item: readonly number[]): number[] {
  return vector(Array.from({ length: COUNT }, () => item));
}

const MODULE: readonly (readonly number[])[] = [
  section(1, ...many([0x60, 0, 0])),
  section(3, ...many([N])),
  section(4, ...many([0x70, 0, 1])),
  section(5, ...vector([[0, 1]])),
  section(13, ...many([0, N])),
  section(6, ...many([0x7f, 1, 0x41, 0, 0x0b])),
  section(9, ...many([1, 0, 1, N])),
  section(12, COUNT),
];

function moduleWith(code: readonly number[]): Uint8Array {
  const open = Array.from({ length: COUNT }, () => [0x02, 0x40]).flat();
  const close = Array.from({ length: COUNT }, () => 0x0b);
  const body = [1, COUNT, 0x7f, ...open, 0x00, ...code, 0x00, ...close, 0x0b];
  const trivial = [2, 0, 0x0b];
  const bodies = [...Array.from({ length: COUNT - 1 }, () => trivial), [...leb(body.length), ...body]];
  return binary(...MODULE, section(10, ...vector(bodies)), section(11, ...many([1, 0])));
}

function accepts(code: readonly number[]): boolean {
  return WebAssembly.validate(moduleWith(code));
}

/** Immediates V8 must accept. */
const IMMEDIATES: ReadonlyMap<number, readonly number[]> = new Map([
  [Op.NONE, []],
  [Op.INDEX, [N]],
  [Op.INDEX_PAIR, [N, N]],
  [Op.MEMARG, [0, N]],
  [Op.I32, [N]],
  [Op.I64, [N]],
  [Op.F32, Array.from({ length: 4 }, () => N)],
  [Op.F64, Array.from({ length: 8 }, () => N)],
  [Op.BR_TABLE, [2, N, N, N]],
  [Op.MEMORY, [0]],
  [Op.MEMORY_PAIR, [0, 0]],
  [Op.INDEX_MEMORY, [N, 0]],
  [Op.TYPES, [1, 0x7f]],
  [Op.HEAP_TYPE, [0x70]],
  [Op.LANE, [1]],
  [Op.MEMARG_LANE, [0, N, 1]],
  [Op.BYTES_16, Array.from({ length: 16 }, () => N)],
]);

/** Immediates V8 must refuse, where those above could be opcodes too: were they not read as immediates, these would be `nop`. */
const COUNTER: ReadonlyMap<number, readonly number[]> = new Map([
  [Op.MEMORY, [1]],
  [Op.MEMORY_PAIR, [0, 1]],
  [Op.INDEX_MEMORY, [N, 1]],
]);

/** Opcodes that only make sense in a certain place, and bodies that have them there. */
const STRUCTURED: ReadonlyMap<number, readonly number[]> = new Map([
  [0x02, [0x02, 0x40, 0x0b]],
  [0x03, [0x03, N, 0x0b]],
  [0x04, [0x04, 0x40, 0x0b]],
  [0x05, [0x04, 0x40, 0x05, 0x0b]],
  [0x06, [0x06, 0x40, 0x0b]],
  [0x07, [0x06, 0x40, 0x07, N, 0x0b]],
  [0x09, [0x06, 0x40, 0x19, 0x09, 0x00, 0x0b]],
  [0x0b, [0x02, 0x40, 0x0b]],
  [0x18, [0x06, 0x40, 0x18, N]],
  [0x19, [0x06, 0x40, 0x19, 0x0b]],
  [0x1f, [0x1f, 0x40, 2, 0, N, N, 2, N, 0x0b]],
]);

const TABLES: readonly { readonly name: string; readonly prefix: number | undefined; readonly table: Op.OpcodeTable }[] = [
  { name: 'main', prefix: undefined, table: Op.MAIN },
  { name: '0xfc', prefix: 0xfc, table: Op.NUMERIC },
  { name: '0xfd', prefix: 0xfd, table: Op.VECTOR },
];

for (const { name, prefix, table } of TABLES) {
  test(`V8 separates instructions as the table does: ${name}`, () => {
    let checked = 0;
    for (const [number, entry] of table.entries()) {
      const shape = entry & Op.SHAPE_MASK;
      const opcode = prefix === undefined ? [number] : [prefix, ...leb(number)];
      const immediates = IMMEDIATES.get(shape);
      const code = (prefix === undefined ? STRUCTURED.get(number) : undefined) ?? (immediates && [...opcode, ...immediates]);
      if (code === undefined) continue;
      assert.ok(accepts(code), `opcode ${opcode.map((byte) => byte.toString(16)).join(' ')} of shape ${shape}`);
      const counter = COUNTER.get(shape);
      if (counter !== undefined) assert.ok(!accepts([...opcode, ...counter]), `memory of opcode ${opcode.join(' ')}`);
      const body = Uint8Array.from([...code, 0x0b]);
      walkBody(body, 0, body.length);
      checked++;
    }
    assert.ok(checked > 15, `${checked} opcodes checked`);
  });

  test(`what the table does not know V8 does not know either: ${name}`, () => {
    for (const [number, entry] of table.entries()) {
      if ((entry & Op.SHAPE_MASK) !== Op.UNKNOWN) continue;
      const opcode = prefix === undefined ? [number] : [prefix, ...leb(number)];
      for (const immediates of IMMEDIATES.values()) assert.ok(!accepts([...opcode, ...immediates]), `opcode ${opcode.join(' ')}`);
    }
  });
}
