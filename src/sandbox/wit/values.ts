import type { Ipld } from '../../ipld/value.ts';
import * as FromJs from './from-js.ts';
import { orRefusal, type Refusal } from './misfit.ts';
import type { WitType } from './model.ts';
import * as ToJs from './to-js.ts';

/**
 * Values between IPLD and the shapes that calls take and give (`component/codec.ts`; they are jco's, so that it can judge the tests), led by the WIT type. What does not fit is a failure, code `invalid`, as
 * data (`misfit.ts` says what stands in it). docs/components.md has the whole table.
 *
 * | WIT | JavaScript |
 * |---|---|
 * | u64, s64; other integers; floats | `bigint`; `number`; `number` |
 * | char, enum | string |
 * | list | typed array for numbers, else array |
 * | record; flags | object with `lowerCamelCase` keys; the same, of booleans |
 * | variant | `{tag, val}`, `{tag}` without a payload |
 * | option | `undefined` or the value; around such an option `{tag: 'none'}` or `{tag: 'some', val}` |
 * | result | `{tag: 'ok' \| 'err', val}`. |
 */

export interface Inward {
  /** What a message calls the value; default `the value`. */
  readonly subject?: string;
  /** Gives the bytes of the blob that a link names, where a `list<u8>` is wanted. Without it a link is refused there. What it throws passes through. */
  readonly bytesOf?: ToJs.BytesOf | undefined;
}

export function toJs(type: WitType, value: Ipld, { subject = 'the value', bytesOf }: Inward = {}): { readonly value: unknown } | Refusal {
  return orRefusal(subject, type, () => ToJs.convert(type, value, { path: [], bytesOf, places: new Map() }));
}

/** The same the other way. Bytes that it gives are those it was given, not a copy. */
export function fromJs(type: WitType, value: unknown, subject = 'the value'): { readonly value: Ipld } | Refusal {
  return orRefusal(subject, type, () => FromJs.convert(type, value, []));
}
