import { Buffer } from 'node:buffer';

/**
 * Memory with whatever was in it, cut from Node's pool: a twentieth of the price of an array of one's own. It shares its `ArrayBuffer`
 * with strangers, so it serves for work that ends before the caller does and is never handed out. A browser build swaps this
 * file for plain arrays.
 */
export function allocate(size: number): Uint8Array {
  const pooled = Buffer.allocUnsafe(size);
  return new Uint8Array(pooled.buffer, pooled.byteOffset, size);
}
