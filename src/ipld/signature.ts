import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';

/** Ed25519 (RFC 8032) on raw keys through Node's crypto; a browser build swaps this file for one on WebCrypto or `@noble/curves`. */

/** DER around a raw key (RFC 8410): what Node wants, up to the 32 bytes of the key. */
const PKCS8 = Uint8Array.from([0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]);
const SPKI = Uint8Array.from([0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]);

export const KEY_LENGTH = 32;
export const SIGNATURE_LENGTH = 64;

export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes; the same for the same bytes. Made in Node's pool of threads: it takes as long as all the rest of a small task. */
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

/** 32 bytes from the system's generator. */
export function randomSeed(): Uint8Array {
  return new Uint8Array(randomBytes(KEY_LENGTH));
}

/** `seed` is 32 bytes. */
export function signer(seed: Uint8Array): Signer {
  const privateKey = createPrivateKey({ key: der(PKCS8, seed), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI.length)),
    sign: (bytes) =>
      new Promise((resolve, reject) => {
        sign(null, bytes, privateKey, (error, signature) => (error === null ? resolve(new Uint8Array(signature)) : reject(error)));
      }),
  };
}

/** Whether a signature is one of these bytes. */
export type Verifier = (bytes: Uint8Array, signature: Uint8Array) => boolean;

/** Of the signatures by `publicKey`: none are, if it is no point of the curve. Making one takes a third as long as using it. */
export function verifierOf(publicKey: Uint8Array): Verifier {
  if (publicKey.length !== KEY_LENGTH) return () => false;
  try {
    const key = createPublicKey({ key: der(SPKI, publicKey), format: 'der', type: 'spki' });
    return (bytes, signature) => signature.length === SIGNATURE_LENGTH && isSigned(bytes, key, signature);
  } catch {
    return () => false;
  }
}

function isSigned(bytes: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  try {
    return verify(null, bytes, key, signature);
  } catch {
    return false;
  }
}

function der(prefix: Uint8Array, key: Uint8Array): Buffer {
  return Buffer.concat([prefix, key]);
}
