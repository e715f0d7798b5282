import { createCipheriv, randomFillSync, type Cipheriv } from 'node:crypto';

/** Fills the whole of `target`. */
export type GuestRandom = (target: Uint8Array) => void;

const CHUNK = 1 << 16;

/** The ChaCha20 key stream of `seed` (32 bytes), counter and nonce 0: for equal seeds the same bytes, however they are asked for. */
export function seededRandom(seed: Uint8Array): GuestRandom {
  let cipher: Cipheriv | undefined;
  const zeros = (length: number): Uint8Array => new Uint8Array(Math.min(CHUNK, length));
  return (target) => {
    cipher ??= createCipheriv('chacha20', seed, new Uint8Array(16));
    const source = zeros(target.length);
    for (let done = 0; done < target.length; done += CHUNK) {
      target.set(cipher.update(source.subarray(0, target.length - done)), done);
    }
  };
}

/** This machine's randomness, for tasks that were granted `random`. */
export function realRandom(): GuestRandom {
  return (target) => {
    for (let done = 0; done < target.length; done += CHUNK) randomFillSync(target.subarray(done, done + CHUNK));
  };
}
