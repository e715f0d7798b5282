import * as Cid from '../../ipld/cid.ts';
import type { CID } from '../../ipld/cid.ts';
import type { Kept } from './get.ts';

/** What the catalog says of an object that is whole. */
export interface Entry {
  readonly cid: CID;
  readonly size: number;
  /** Bytes of each chunk but the last. */
  readonly chunk: number;
  /** Beginning of the subjects of its chunks: `CID.PUT`. */
  readonly place: string;
}

const MOST_CHUNK = 64 * 2 ** 20;

/** JSON, for people who look into it. */
export function entryOf({ size, chunk, place }: Entry): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ size, chunk, place }));
}

/** Undefined for what is none: anybody may have written it. */
export function readEntry({ subject, data }: Kept): Entry | undefined {
  try {
    const name = subject.slice(subject.lastIndexOf('.') + 1);
    const { size, chunk, place } = JSON.parse(new TextDecoder().decode(data)) as Partial<Record<keyof Entry, unknown>>;
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
    if (typeof chunk !== 'number' || !Number.isSafeInteger(chunk) || chunk < 1 || chunk > MOST_CHUNK) return undefined;
    if (typeof place !== 'string' || !/^\w+\.\w+$/.test(place) || !place.startsWith(`${name}.`)) return undefined;
    return { cid: Cid.parse(name), size, chunk, place };
  } catch {
    return undefined;
  }
}
