import { hash } from 'node:crypto';

/** With `allocate.ts` and `signature.ts` all of this layer that touches Node; a browser build swaps it for one on `@noble/hashes`. */

/** SHA2-256, 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha256', bytes, 'buffer'));
}

/** SHA3-256, 32 bytes. */
export function sha3(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha3-256', bytes, 'buffer'));
}
