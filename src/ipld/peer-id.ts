import { base58btc } from 'multiformats/bases/base58';
import { publicKeyOf } from './did-key.ts';

/** Identity multihash of 36 bytes, around a protobuf of key type 1 (Ed25519) and 32 bytes of key. */
const PREFIX = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20] as const;

/**
 * The peer id (https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md) of the key that a `did:key` names: `12D3KooW…`. Undefined for what is no
 * Ed25519 `did:key`.
 */
export function peerIdOf(did: string): string | undefined {
  const key = publicKeyOf(did);
  return key && base58btc.baseEncode(Uint8Array.from([...PREFIX, ...key]));
}
