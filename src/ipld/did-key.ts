import { base58btc } from 'multiformats/bases/base58';

/** `did:key` of Ed25519 keys (https://w3c-ccg.github.io/did-key-spec/): `did:key:z6Mk…`, base58btc of 0xed 0x01 and the key. */

const PREFIX = 'did:key:';
const MULTICODEC = [0xed, 0x01] as const;
const KEY_LENGTH = 32;

/** `publicKey` is 32 bytes. */
export function didOf(publicKey: Uint8Array): string {
  return PREFIX + base58btc.encode(Uint8Array.from([...MULTICODEC, ...publicKey]));
}

/** The key a DID is, or undefined if it is no Ed25519 `did:key` in its one spelling. */
export function publicKeyOf(did: string): Uint8Array | undefined {
  // Base58 takes time quadratic in its length; all DIDs of Ed25519 keys have 56 characters.
  if (did.length !== 56 || !did.startsWith(PREFIX)) return undefined;
  let bytes: Uint8Array;
  try {
    bytes = base58btc.decode(did.slice(PREFIX.length));
  } catch {
    return undefined;
  }
  if (bytes.length !== MULTICODEC.length + KEY_LENGTH || bytes[0] !== MULTICODEC[0] || bytes[1] !== MULTICODEC[1]) return undefined;
  const publicKey = bytes.slice(MULTICODEC.length);
  return didOf(publicKey) === did ? publicKey : undefined;
}
