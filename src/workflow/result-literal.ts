import { type Ipld, isList, isMap } from '../ipld/value.ts';
import type { Instruction } from './model.ts';

const TAGS: ReadonlySet<Ipld> = new Set(['ok', 'error', 'just']);

/**
 * The input of an instruction, results among its arguments taken for what they hold. As Homestar has it, an argument of `wasm/run` that is a pair of `ok`, `error`
 * or `just` and a value stands for that value. Below the top, in other ops, and in what a promise gives, such a pair is data.
 */
export function inputOf({ op, input }: Pick<Instruction, 'op' | 'input'>): Ipld {
  if (op !== 'wasm/run' || !isMap(input)) return input;
  const { args } = input;
  if (args === undefined || !isList(args) || !args.some(isResult)) return input;
  return { ...input, args: args.map((argument) => (isResult(argument) ? argument[1]! : argument)) };
}

function isResult(value: Ipld): value is readonly [Ipld, Ipld] {
  return isList(value) && value.length === 2 && TAGS.has(value[0]!);
}
