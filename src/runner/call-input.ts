import { type Ipld, type IpldList, isList, isMap } from '../ipld/value.ts';
import type { GivenValues } from './given-values.ts';
import { clip, Refusal } from './refusal.ts';

/** The input of `wasm/run`. */
export interface CallInput {
  readonly func: string;
  readonly args: IpldList;
  /** Reads what they name. */
  readonly given: GivenValues;
}

/** Throws `Refusal`: `invalid`, and what `GivenValues` throws. */
export function parseCallInput(named: Ipld, given: GivenValues): CallInput {
  const input = given.spread(named);
  if (!isMap(input)) throw new Refusal('invalid', 'the input must be a map with "func" and "args"');
  const { func, args = [], ...rest } = input;
  if (typeof func !== 'string') throw new Refusal('invalid', '"func" must be the name of an exported function');
  if (!isList(args)) throw new Refusal('invalid', '"args" must be a list');
  const unknown = Object.keys(rest);
  if (unknown.length > 0)
    throw new Refusal('invalid', `wasm/run knows no input ${unknown.map((key) => JSON.stringify(clip(key))).join(', ')}`);
  return { func, args, given };
}

/** Throws a failure as `Refusal`. */
export function orRefuse<T extends object>(result: T | { readonly failure: Refusal['failure'] }): T {
  if ('failure' in result) throw Refusal.of(result.failure);
  return result;
}
