import { DocketError } from '../errors.ts';
import { didOf, publicKeyOf } from './did-key.ts';
import { KEY_LENGTH, signer, type Verifier, verifierOf } from './signature.ts';

/** Who signs: an Ed25519 key, known to others by its DID. */
export interface Key {
  /** `did:key:z6Mk…` */
  readonly did: string;
  /** 64 bytes, Ed25519. */
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

/** The secret a `Key` is made of: 32 random bytes. */
export { randomSeed as generateSeed } from './signature.ts';

/** Throws `IDENTITY_INVALID` unless `seed` is 32 bytes. */
export function keyOf(seed: Uint8Array): Key {
  if (seed.length !== KEY_LENGTH) throw new DocketError('IDENTITY_INVALID', `an Ed25519 seed has ${KEY_LENGTH} bytes, not ${seed.length}`);
  const { publicKey, sign } = signer(seed);
  return { did: didOf(publicKey), sign };
}

/** Whether `signature` is one of `bytes` by `did`. False for whatever is malformed. */
export function verify(did: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  return verifierFor(did)?.(bytes, signature) === true;
}

/** What tells signatures by `did`; undefined if it is no Ed25519 `did:key`. */
export type FindVerifier = (did: string) => Verifier | undefined;

export function verifierFor(did: string): Verifier | undefined {
  const publicKey = publicKeyOf(did);
  return publicKey && verifierOf(publicKey);
}

/** `verifierFor` for who hears the same issuers again and again: reading a DID and its key takes as long as half a signature. `most` are remembered. */
export function rememberingVerifiers(most = 64): FindVerifier {
  const known = new Map<string, Verifier>();
  return (did) => {
    const found = known.get(did);
    if (found !== undefined) return found;
    const made = verifierFor(did);
    if (made === undefined) return undefined;
    if (known.size >= most) known.delete(known.keys().next().value!);
    known.set(did, made);
    return made;
  };
}
