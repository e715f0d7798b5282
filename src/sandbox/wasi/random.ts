import { createCipheriv, randomFillSync, type Cipheriv } from 'node:crypto';

/** Fills the whole of `target`. */
export type GuestRandom = (target: Uint8Array) => void;

const CHUNK = 1 << 16;

/** The ChaCha20 key stream of `seed` (32 bytes), counter and nonce 0: for equal seeds the same bytes, however they are asked for. */
export function seededRandom(seed: Uint8Array): GuestRandom {
  let cipher: Cipheriv | undefined;
  const zeros = (length: number): Uint8Array => new Uint8Array(Math.min(CHUNK, length));
  return pooled((target) => {
    cipher ??= createCipheriv('chacha20', seed, new Uint8Array(16));
    const source = zeros(target.length);
    for (let done = 0; done < target.length; done += CHUNK) {
      target.set(cipher.update(source.subarray(0, target.length - done)), done);
    }
  });
}

/** This machine's randomness, for tasks that were granted `random`. */
export function realRandom(): GuestRandom {
  return pooled((target) => {
    for (let done = 0; done < target.length; done += CHUNK) randomFillSync(target.subarray(done, done + CHUNK));
  });
}

/** Guests ask for 8 or 32 bytes at a time, and asking costs more than the bytes. */
const POOL = 2048;

/** Takes small requests from a pool. The bytes come in the order of `source`, each is given once. */
function pooled(source: GuestRandom): GuestRandom {
  const pool = new Uint8Array(POOL);
  let at = POOL;
  return (target) => {
    const left = POOL - at;
    const first = Math.min(left, target.length);
    target.set(pool.subarray(at, at + first));
    at += first;
    const rest = target.subarray(first);
    if (rest.length >= POOL) source(rest);
    else if (rest.length > 0) {
      source(pool);
      target.set(pool.subarray(0, rest.length), first);
      at = rest.length;
    }
  };
}
