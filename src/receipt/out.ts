import { DocketError } from '../errors.ts';
import { encodePooled } from '../ipld/dag-cbor-encode.ts';
import { sha3 } from '../ipld/hash.ts';
import { isList, isMap, type Ipld, type IpldMap } from '../ipld/value.ts';
import type { Out } from './model.ts';
import { FAILURE_CODES, type Failure, type FailureCode, type Outcome } from './outcome.ts';

/** The `out` of a receipt: `["ok", value]` or `["error", {code, message, data}]`, `data` only if there is some. */
export function outOf(outcome: Outcome): Out {
  return outcome.tag === 'ok' ? ['ok', outcome.value] : ['error', failureMap(outcome.failure)];
}

/** The value under `error`, which an error promise gives. */
export function failureMap({ code, message, data }: Failure): IpldMap {
  return data === undefined ? { code, message } : { code, message, data };
}

/** Tells apart what two receipts say came out, whatever else they say. */
export function digestOf(out: Out): Uint8Array {
  return sha3(encodePooled(out));
}

/** Of any `out`, also a foreign one; `just` counts as `ok`. Throws `IPLD_INVALID` if it has another shape or an unknown code. */
export function outcomeOf(out: Ipld | undefined): Outcome {
  if (!isList(out) || out.length !== 2) throw invalid('is not a pair of tag and value');
  const [tag, value] = out as readonly [Ipld, Ipld];
  if (tag === 'ok' || tag === 'just') return { tag: 'ok', value };
  if (tag !== 'error') throw invalid('has a tag other than "ok", "error" and "just"');
  return { tag: 'error', failure: failureOf(value) };
}

/** The failure that such a value stands for. Throws `IPLD_INVALID`. */
export function failureOf(value: Ipld): Failure {
  if (!isMap(value)) throw invalid('has an error that is not a map');
  const { code, message, data, ...rest } = value;
  if (!isFailureCode(code)) throw invalid('has an error without a known code');
  if (typeof message !== 'string') throw invalid('has an error without a message');
  if (Object.keys(rest).length > 0) throw invalid('has an error with unknown keys');
  if (data === undefined) return { code, message };
  if (!isMap(data)) throw invalid('has an error whose data is not a map');
  return { code, message, data };
}

function isFailureCode(value: Ipld | undefined): value is FailureCode {
  return FAILURE_CODES.some((code) => code === value);
}

function invalid(problem: string): DocketError {
  return new DocketError('IPLD_INVALID', `the out of a receipt ${problem}`);
}
