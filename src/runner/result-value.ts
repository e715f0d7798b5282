import * as Cid from '../ipld/cid.ts';
import { encode } from '../ipld/dag-cbor.ts';
import { INLINE, itemsOf, MOST_VALUES } from '../ipld/large-value.ts';
import type { Ipld } from '../ipld/value.ts';
import type { Failure } from '../receipt/outcome.ts';
import type { BlobSink } from './blob-sink.ts';
import { MOST_RESULT } from './result-bounds.ts';

interface Bounds {
  /** Of the task's output, bytes. */
  readonly limit: number;
  /** What of it is used up. */
  readonly used: number;
}

/** What a function returned, as it stands in the receipt, and the bytes it takes; or why it may not be given. `STORE_FULL`, `STORE_UNWRITABLE`. */
export function settle(
  value: Ipld,
  { limit, used }: Bounds,
  sink: BlobSink,
): { readonly value: Ipld; readonly size: number } | { readonly failure: Failure } {
  // That of a function without a result.
  if (value === null) return { value, size: 0 };
  const encoded = value instanceof Uint8Array ? undefined : encode(value);
  const { length: size } = encoded ?? (value as Uint8Array);
  if (size > MOST_RESULT) return tooMuch(`${size} bytes, ${MOST_RESULT} are allowed`);
  if (used + size > limit) return tooMuch(`${size} bytes${used === 0 ? '' : ` and wrote ${used}`}, ${limit} are allowed`);
  if (size <= INLINE) return { value, size };
  if (encoded === undefined) return { value: sink.add(value as Uint8Array), size };
  if (itemsOf(encoded) > MOST_VALUES) return tooMuch(`more than ${MOST_VALUES} values`);
  sink.add(encoded);
  return { value: Cid.ofLargeValue(encoded), size };
}

function tooMuch(what: string): { readonly failure: Failure } {
  return { failure: { code: 'limit/output', message: `the function returned ${what}` } };
}
