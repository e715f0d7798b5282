import { base64 } from 'multiformats/bases/base64';
import { CID } from 'multiformats/cid';
import { DocketError } from '../errors.ts';
import { fromDigest } from './cid-bytes.ts';
import { encodePooled } from './dag-cbor-encode.ts';
import { sha256, sha3 } from './hash.ts';
import { isLink, isList, isMap, type Ipld } from './value.ts';

/** Multicodec numbers, https://github.com/multiformats/multicodec. */
const CBOR = 0x51;
const RAW = 0x55;
const DAG_PB = 0x70;
const DAG_CBOR = 0x71;
const SHA2_256 = 0x12;
const SHA3_256 = 0x16;

/** Name of an instruction, task, invocation, workflow or receipt: DAG-CBOR, SHA3-256, CIDv1 (`bafyrmi…`), as in Homestar. */
export function ofValue(value: Ipld): CID {
  return ofValueBytes(encodePooled(value));
}

/** As `ofValue`, for a value already encoded. */
export function ofValueBytes(bytes: Uint8Array): CID {
  return ofValueDigest(sha3(bytes));
}

/** As `ofValue`, for a value already encoded and hashed. */
export function ofValueDigest(digest: Uint8Array): CID {
  return fromDigest(DAG_CBOR, SHA3_256, digest);
}

/** Whether `cid` is what `ofValueBytes` makes of `bytes`. */
export function isOfValueBytes(cid: CID, bytes: Uint8Array): boolean {
  const { code, digest } = cid.multihash;
  return cid.code === DAG_CBOR && code === SHA3_256 && Buffer.compare(digest, sha3(bytes)) === 0;
}

/** Name of a blob: raw, SHA2-256, CIDv1 (`bafkrei…`). */
export function ofBlob(bytes: Uint8Array): CID {
  return fromSha256(sha256(bytes));
}

/** Name of the blob with this SHA2-256 digest. */
export function fromSha256(digest: Uint8Array): CID {
  return fromDigest(RAW, SHA2_256, digest);
}

/** Name of a tree: its DAG-CBOR bytes lie in the store as a blob, so SHA2-256 (`bafyrei…`). */
export function ofTree(bytes: Uint8Array): CID {
  return fromDigest(DAG_CBOR, SHA2_256, sha256(bytes));
}

/** Name of a large value: its DAG-CBOR bytes lie in the store as a blob. The codec is plain `cbor`, so that it is told apart from a tree by its name. */
export function ofLargeValue(bytes: Uint8Array): CID {
  return fromDigest(CBOR, SHA2_256, sha256(bytes));
}

/** Throws `CID_INVALID`. */
export function parse(text: string): CID {
  try {
    return CID.parse(text);
  } catch (cause) {
    throw new DocketError('CID_INVALID', `"${text}" is not a CID`, { cause });
  }
}

/** Whether the bytes it names lie in the store: SHA2-256 over a raw blob, a tree or a large value. */
export function isStored(cid: CID): boolean {
  return cid.multihash.code === SHA2_256 && (cid.code === RAW || cid.code === DAG_CBOR || cid.code === CBOR);
}

/** Whether it names a value that was too large to stand where it was given. */
export function isLargeValue(cid: CID): boolean {
  return cid.multihash.code === SHA2_256 && cid.code === CBOR;
}

/** Whether it names bytes as they are, such as a file. */
export function isBlob(cid: CID): boolean {
  return cid.multihash.code === SHA2_256 && cid.code === RAW;
}

export function isTree(cid: CID): boolean {
  return cid.multihash.code === SHA2_256 && cid.code === DAG_CBOR;
}

/** Name of a file in UnixFS by its root node, as `ipfs add --cid-version 1` prints it (`bafybei…`). */
export function ofUnixFs(root: Uint8Array): CID {
  return fromDigest(DAG_PB, SHA2_256, sha256(root));
}

/** Whether it names a tree of UnixFS nodes: what it stands for lies in the store under another name, that of the blob. */
export function isUnixFs(cid: CID): boolean {
  return cid.code === DAG_PB && cid.multihash.code === SHA2_256 && cid.multihash.digest.length === 32;
}

/** Subresource integrity form of a SHA2-256 CID: `sha256-<base64>`. */
export function toSri(cid: CID): string {
  return `sha256-${base64.baseEncode(cid.multihash.digest)}=`;
}

/** The blob that Subresource Integrity names; undefined if it is none, or of another hash. */
export function fromSri(text: string): CID | undefined {
  const [, digest] = /^sha256-([A-Za-z0-9+/]{43})=$/.exec(text) ?? [];
  return digest === undefined ? undefined : fromSha256(base64.baseDecode(digest));
}

/** Every link inside `value`, in depth-first order, repeats included. */
export function* links(value: Ipld): Generator<CID> {
  const pending: Ipld[] = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (isLink(next)) yield next;
    else if (isList(next) || isMap(next)) for (const item of Object.values(next).toReversed()) pending.push(item);
  }
}

export { CID };
