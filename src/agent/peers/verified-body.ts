import { createHash } from 'node:crypto';
import { DocketError } from '../../errors.ts';

/**
 * Bytes as they come, but for the last chunk, which is held back until all of them were seen: if they are not those of `digest` (SHA2-256) it never goes out,
 * so whoever reads misses bytes and cannot take them for the blob. Throws `BLOB_DAMAGED` then.
 */
export async function* verified(source: AsyncIterable<Uint8Array>, digest: Uint8Array): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let held: Uint8Array | undefined;
  for await (const chunk of source) {
    if (chunk.length === 0) continue;
    hash.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (Buffer.compare(hash.digest(), digest) !== 0) throw new DocketError('BLOB_DAMAGED', 'the bytes a peer sent are not those of the blob');
  if (held !== undefined) yield held;
}
