import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

/**
 * Telling a secret to who asked for it, over an engine where others may listen: each side makes a key for this one question (X25519), and what both have in common
 * encrypts the answer, once. Whose keys they are is not said by this: signatures are for that.
 */
export class Seal {
  /** 32 bytes, for the other side. */
  readonly shown: Uint8Array;
  readonly #secret: KeyObject;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('x25519');
    this.#secret = privateKey;
    this.shown = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url');
  }

  /** Once: the key that both sides have is good for one message. */
  close(other: Uint8Array, bytes: Uint8Array): Uint8Array {
    const cipher = createCipheriv(CIPHER, this.#common(other, other, this.shown), NONCE, { authTagLength: TAG });
    return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  }

  /** What the other side closed. Throws if it was closed for somebody else, or is none of it. */
  open(other: Uint8Array, sealed: Uint8Array): Uint8Array {
    const decipher = createDecipheriv(CIPHER, this.#common(other, this.shown, other), NONCE, { authTagLength: TAG });
    decipher.setAuthTag(sealed.subarray(-TAG));
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG)), decipher.final()]);
  }

  /** Throws for a key that is none, or leads to nothing. */
  #common(other: Uint8Array, asking: Uint8Array, answering: Uint8Array): Uint8Array {
    const publicKey = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x: Buffer.from(other).toString('base64url') } });
    const shared = diffieHellman({ privateKey: this.#secret, publicKey });
    return new Uint8Array(hkdfSync('sha256', shared, Buffer.concat([asking, answering]), 'docket door', 32));
  }
}

const CIPHER = 'chacha20-poly1305';
const TAG = 16;
/** A key is used for one message. */
const NONCE = new Uint8Array(12);
