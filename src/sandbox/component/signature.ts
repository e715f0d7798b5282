import type { FunctionType } from '../module/model.ts';
import { typeText } from '../wit/text.ts';
import { type Codec, MOST_FLAT } from './codec.ts';
import { flatten, tupleOf } from './codec-compounds.ts';
import type { Signature } from './plan-model.ts';

/** Core values as which a result may be passed. */
const MOST_FLAT_RESULTS = 1;

export function signatureOf(params: Signature['params'], result: Codec | undefined): Signature {
  const codecs = params.map(({ codec }) => codec);
  const fields = params.map(({ name, codec }) => ({ name, type: codec.type }));
  return {
    params,
    spilled: flatten(codecs) === undefined ? tupleOf(codecs) : undefined,
    result,
    wit: result === undefined ? { params: fields } : { params: fields, result: result.type },
  };
}

/** Whether the result lies in memory. */
export function returnsInMemory({ result }: Signature): boolean {
  return result !== undefined && (result.flat === undefined || result.flat.length > MOST_FLAT_RESULTS);
}

/** The type of the core function that is lifted. */
export function liftedType(signature: Signature): FunctionType {
  const { result } = signature;
  const results = result === undefined ? [] : returnsInMemory(signature) ? (['i32'] as const) : (result.flat ?? []);
  return { params: flatParams(signature), results };
}

/** The type of the core function it is lowered to: who calls says where the result goes. */
export function loweredType(signature: Signature): FunctionType {
  const { result } = signature;
  const params = flatParams(signature);
  if (returnsInMemory(signature)) return { params: [...params, 'i32'], results: [] };
  return { params, results: result?.flat ?? [] };
}

function flatParams({ params, spilled }: Signature): FunctionType['params'] {
  return spilled === undefined ? params.flatMap(({ codec }) => codec.flat ?? []).slice(0, MOST_FLAT) : ['i32'];
}

export function sameType(a: FunctionType, b: FunctionType): boolean {
  return sameValues(a.params, b.params) && sameValues(a.results, b.results);
}

function sameValues(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((type, i) => type === b[i]);
}

/** Characters: functions that are known are told from all others by fewer. */
const MOST_TEXT = 4_000;

/** In WIT, without the names of parameters: they mean nothing. Cut short with `…` after some thousand characters. */
export function signatureText({ params, result }: Signature): string {
  let taken = '';
  for (const { codec } of params) {
    if (taken.length > MOST_TEXT) return `func(${taken}…`;
    taken += `${taken === '' ? '' : ', '}${typeText(codec.type)}`;
  }
  return `func(${taken})${result === undefined ? '' : ` -> ${typeText(result.type)}`}`;
}

export function showType({ params, results }: FunctionType): string {
  return `(${params.join(', ')}) -> (${results.join(', ')})`;
}
