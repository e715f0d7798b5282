import { DocketError } from '../errors.ts';
import { decode } from './dag-cbor.ts';
import { itemsIn } from './dag-cbor-census.ts';
import type { Ipld } from './value.ts';

/**
 * Values that travel under a name. What a task gives is inline up to `INLINE` bytes. Above that bytes are a link to a raw blob, and anything else is a link to a
 * blob of its DAG-CBOR, whose name `Cid.isLargeValue` knows. No function of a module gives a link, so where one stands for a result it means this.
 */

/** Bytes; values above this travel as links (law 11). */
export const INLINE = 4096;

/**
 * Values in one, each item of a list and each key and value of a map being one. Whoever reads it builds them all, and a list that is one byte in it may take
 * hundreds of times that in memory.
 */
export const MOST_VALUES = 1_000_000;

/** The values in it, counted without building them; no further than `MOST_VALUES`, more than that means too many. Throws `IPLD_INVALID`. */
export function itemsOf(bytes: Uint8Array): number {
  return itemsIn(bytes, MOST_VALUES);
}

/** The value that the bytes of a large value are. Throws `IPLD_INVALID`, also if there are more than `MOST_VALUES` in it. */
export function read(bytes: Uint8Array): Ipld {
  if (itemsOf(bytes) > MOST_VALUES) throw new DocketError('IPLD_INVALID', `more than ${MOST_VALUES} values stand in one large value`);
  return decode(bytes);
}
