import * as Cid from '../ipld/cid.ts';
import { sha256 } from '../ipld/hash.ts';
import { DocketError } from '../errors.ts';

/** Lower-case hex of the digest a stored CID addresses by. `CID_INVALID` for any other hash or codec. */
export function digestHex(cid: Cid.CID): string {
  if (!Cid.isStored(cid))
    throw new DocketError('CID_INVALID', `${cid} names no blob: only raw and dag-cbor CIDs with SHA2-256 lie in the store`);
  return toHex(cid.multihash.digest);
}

export function blobCid(hex: string): Cid.CID {
  return Cid.fromSha256(Uint8Array.from(Buffer.from(hex, 'hex')));
}

export function hexOfBytes(bytes: Uint8Array): string {
  return toHex(sha256(bytes));
}

/** The digest of no bytes: the one blob whose file is rightly empty. */
export const EMPTY_HEX = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
