import { type CID, isOfValueBytes } from '../ipld/cid.ts';
import type { Key } from '../ipld/identity.ts';
import { contentsOf, seal } from './envelope.ts';
import { verify } from './verify.ts';

/**
 * The receipt as it was signed, if only its frame or its signature are damaged and `key` is that of its issuer: an Ed25519 signature is always the
 * same, so it can be made again. Undefined if more is damaged.
 */
export async function restore(cid: CID, bytes: Uint8Array, key: Key): Promise<Uint8Array | undefined> {
  const r = contentsOf(bytes);
  if (!isOfValueBytes(cid, r)) return undefined;
  const restored = seal({ r, s: await key.sign(r) });
  // Also tells whether the issuer is another, whose signature cannot be made here.
  return verify(restored, cid).length === 0 ? restored : undefined;
}
