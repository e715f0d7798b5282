import { createHash } from 'node:crypto';

/** The nth of a fixed sequence of blobs, from a few bytes to half a megabyte. */
export function blobNumber(n: number): Uint8Array {
  const seed = createHash('sha256').update(String(n)).digest();
  const size = 1 + (seed.readUInt32LE(0) % (n % 5 === 0 ? 500_000 : 9000));
  return Buffer.alloc(size, seed);
}
