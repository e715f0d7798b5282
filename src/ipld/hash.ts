import { createHash, hash } from 'node:crypto';

/** With `allocate.ts` and `signature.ts` all of this layer that touches Node; a browser build swaps it for one on `@noble/hashes`. */

/** SHA2-256, 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return bytesOf(hash('sha256', bytes, 'latin1'));
}

/** SHA2-256 of bytes that come in pieces. */
export class Sha256 {
  readonly #state = createHash('sha256');

  update(bytes: Uint8Array): void {
    this.#state.update(bytes);
  }

  /** 32 bytes; to be asked for once, at the end. */
  digest(): Uint8Array {
    return bytesOf(this.#state.digest('latin1'));
  }
}

/** SHA3-256, 32 bytes. */
export function sha3(bytes: Uint8Array): Uint8Array {
  return bytesOf(hash('sha3-256', bytes, 'latin1'));
}

/** SHA3-256 of all parts, one after the other. */
export function sha3OfParts(parts: Iterable<Uint8Array>): Uint8Array {
  const state = createHash('sha3-256');
  for (const part of parts) state.update(part);
  return bytesOf(state.digest('latin1'));
}

/** By way of a text, a third cheaper than by way of a `Buffer`, which has memory of its own outside of the heap. */
function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
