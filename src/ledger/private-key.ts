import { createPrivateKey, type KeyObject } from 'node:crypto';
import { DocketError } from '../errors.ts';

/** The 32 bytes an Ed25519 key is made of, out of PEM (PKCS#8), as openssl writes it and Homestar reads it. Throws `KEY_INVALID`; the message does not hold the key. */
export function seedOfPem(pem: string, name: string): Uint8Array {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem' });
  } catch (cause) {
    throw new DocketError('KEY_INVALID', `${name} holds no private key in PEM, or one with a passphrase`, { cause });
  }
  const { d } = key.asymmetricKeyType === 'ed25519' ? key.export({ format: 'jwk' }) : {};
  if (d === undefined) throw new DocketError('KEY_INVALID', `the key in ${name} is of the type ${key.asymmetricKeyType}, not ed25519`);
  return Buffer.from(d, 'base64url');
}
