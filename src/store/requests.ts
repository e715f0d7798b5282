import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { blobCid, digestHex } from './digest.ts';
import type { GetOptions } from './store.ts';

/** Checks of what callers ask, the same in every store. */

const DEFAULT_READ_LIMIT = 64 * 1024 * 1024;

/** `BLOB_MISMATCH` unless `expect` is absent or has this digest. */
export function checkExpected(expect: CID | undefined, hex: string): void {
  if (expect !== undefined && digestHex(expect) !== hex) {
    throw new DocketError('BLOB_MISMATCH', `the bytes announced as ${expect} are those of ${blobCid(hex)}`, {
      details: { expected: expect.toString(), found: blobCid(hex).toString() },
    });
  }
}

/** `BLOB_TOO_LARGE` if more bytes would come into memory than the caller allows; 64 MiB by default. */
export function checkLimit(cid: CID, size: number, limit = DEFAULT_READ_LIMIT): void {
  if (size > limit)
    throw new DocketError('BLOB_TOO_LARGE', `${cid} has ${size} bytes, more than the ${limit} allowed here`, { details: { size, limit } });
}

/** The range asked for, cut to what there is. */
export function byteRange(options: GetOptions, size: number): { readonly start: number; readonly end: number } {
  const start = Math.min(Math.max(options.start ?? 0, 0), size);
  return { start, end: Math.max(start, Math.min(options.end ?? size, size)) };
}
