import { CID } from 'multiformats/cid';
import { Digest } from 'multiformats/hashes/digest';

/**
 * CIDs built around one buffer. The library's own constructors make four, and each costs more than the hash of a small value.
 */

/** CIDv1 of a digest. `codec`, `hash` and the digest's length are below 128, so each is one byte. */
export function fromDigest(codec: number, hash: number, digest: Uint8Array): CID {
  const bytes = new Uint8Array(4 + digest.length);
  bytes[0] = 1;
  bytes[1] = codec;
  bytes[2] = hash;
  bytes[3] = digest.length;
  bytes.set(digest, 4);
  return view(bytes);
}

/** The CID that is `bytes`, of which it takes ownership; undefined if they are not the canonical form of one. */
export function fromBytes(bytes: Uint8Array): CID | undefined {
  const [version, codec, hash, length] = bytes;
  if (version === 1 && below128(codec) && below128(hash) && below128(length) && length === bytes.length - 4) return view(bytes);
  let cid: CID;
  try {
    cid = CID.decode(bytes);
  } catch {
    return undefined;
  }
  // The library also takes longer forms of the numbers inside.
  return cid.bytes.length === bytes.length && cid.bytes.every((byte, i) => byte === bytes[i]) ? cid : undefined;
}

function below128(byte: number | undefined): byte is number {
  return byte !== undefined && byte < 0x80;
}

function view(bytes: Uint8Array): CID {
  const [, codec = 0, hash = 0, length = 0] = bytes;
  return new CID(1, codec, new Digest(hash, length, bytes.subarray(4), bytes.subarray(2)), bytes);
}
