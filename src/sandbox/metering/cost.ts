import * as Code from './code.ts';

/**
 * What instructions cost: a unit each, and nothing for those that only mark where a block begins or ends. What does work by a length costs by that on top.
 * Part of what a guest can notice: whoever changes it raises the `metered` numbers of the ops (`runner/ops.ts`).
 */

const FREE: readonly number[] = [
  Code.BLOCK,
  Code.LOOP,
  Code.ELSE,
  Code.TRY,
  Code.CATCH,
  Code.CATCH_ALL,
  Code.DELEGATE,
  Code.TRY_TABLE,
  Code.END,
];

/** By opcode without prefix: asked for every instruction of a module. */
const COSTS: Readonly<Uint8Array> = Uint8Array.from({ length: 256 }, (_, code) => (FREE.includes(code) ? 0 : 1));

export function costOf(code: number): number {
  return code < 256 ? (COSTS[code] as number) : 1;
}

/**
 * Units by length, as a power of two: `length >> shift` if negative (bytes a unit), `length << shift` otherwise (units an item). Memory costs a unit for 16 bytes;
 * tables a unit for an entry; growing as much as writing what came to be.
 */
const BY_LENGTH: ReadonlyMap<number, number> = new Map([
  [Code.MEMORY_INIT, -4],
  [Code.MEMORY_COPY, -4],
  [Code.MEMORY_FILL, -4],
  [Code.TABLE_INIT, 0],
  [Code.TABLE_COPY, 0],
  [Code.TABLE_FILL, 0],
]);

/** Units for what was added; a refused `grow` costs its one unit. A page of memory is 65,536 bytes. */
const BY_GROWTH: ReadonlyMap<number, number> = new Map([
  [Code.MEMORY_GROW, 12],
  [Code.TABLE_GROW, 0],
]);

export const shiftByLength = (code: number): number | undefined => BY_LENGTH.get(code);
export const shiftByGrowth = (code: number): number | undefined => BY_GROWTH.get(code);
