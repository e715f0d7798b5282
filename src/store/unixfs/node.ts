import { fromBytes } from '../../ipld/cid-bytes.ts';
import * as Cid from '../../ipld/cid.ts';
import { fieldsOf, Malformed, Message } from './protobuf.ts';

/**
 * A node of a file in UnixFS: a dag-pb node (https://ipld.io/specs/codecs/dag-pb/spec) whose data is a UnixFS message
 * (https://specs.ipfs.tech/unixfs).
 */

export interface FileNode {
  /** Bytes that stand in the node itself, before those of its links. */
  readonly inline: Uint8Array;
  readonly links: readonly NodeLink[];
  /** Bytes of all of it. */
  readonly size: number;
}

export interface NodeLink {
  readonly cid: Cid.CID;
  /** Bytes of the file that lie below it; at least 1. */
  readonly size: number;
}

/** A node or chunk that is written and named. */
export interface Written {
  readonly cid: Cid.CID;
  /** Bytes of the file below it. */
  readonly size: number;
  /** Bytes of all its blocks, repeats counted: what dag-pb calls `Tsize`. */
  readonly blocks: number;
}

const FILE = 2;
const KINDS: Readonly<Record<number, string>> = {
  0: 'a file',
  1: 'a directory',
  2: 'a file',
  3: 'metadata',
  4: 'a symlink',
  5: 'a sharded directory (HAMT)',
};

const NO_BYTES = new Uint8Array();

/** The node above these, bit for bit as Kubo writes it. */
export function encodeNode(links: readonly Written[]): Written {
  const data = new Message();
  data.varint(1, FILE);
  data.varint(
    3,
    links.reduce((sum, { size }) => sum + size, 0),
  );
  for (const { size } of links) data.varint(4, size);
  const node = new Message();
  for (const { cid, blocks } of links) {
    const link = new Message();
    link.bytes(1, cid.bytes);
    link.bytes(2, NO_BYTES);
    link.varint(3, blocks);
    node.bytes(2, link.finish());
  }
  node.bytes(1, data.finish());
  const bytes = node.finish();
  return {
    cid: Cid.ofUnixFs(bytes),
    size: links.reduce((sum, { size }) => sum + size, 0),
    blocks: links.reduce((sum, { blocks }) => sum + blocks, bytes.length),
  };
}

/** Reads a stranger's node of a file. Throws `Malformed`, which calls directories and the like by name. */
export function decodeNode(bytes: Uint8Array): FileNode {
  const links: Cid.CID[] = [];
  let data: Uint8Array | undefined;
  for (const { number, kind, value } of fieldsOf(bytes)) {
    if (kind !== 'bytes' || number > 2) throw new Malformed(`a dag-pb node has no field ${number} of that kind`);
    if (number === 2) links.push(linked(value));
    else if (data === undefined) data = value;
    else throw new Malformed('a dag-pb node has its data twice');
  }
  if (data === undefined) throw new Malformed('a dag-pb node without data is no file');
  const { inline, sizes, total } = fileData(data);
  if (sizes.length !== links.length) throw new Malformed(`a node has ${links.length} links and the sizes of ${sizes.length}`);
  const size = sizes.reduce((sum, each) => sum + each, inline.length);
  if (!Number.isSafeInteger(size) || (total !== undefined && total !== size))
    throw new Malformed(`a node says that it is ${total} bytes, and its parts make ${size}`);
  // Whoever visits what adds nothing may be made to visit for ever: a small node can name another a thousand times, and that one a third.
  if (sizes.includes(0)) throw new Malformed('a node links to something empty');
  return { inline, links: links.map((cid, i) => ({ cid, size: sizes[i]! })), size };
}

/** Whether the bytes of `cid` are a node; the others are a piece of the file. */
export function isNode(cid: Cid.CID): boolean {
  return Cid.isUnixFs(cid);
}

/** The CID of a link. Throws `Malformed` unless it names a node or a piece of a file. */
export function linked(link: Uint8Array): Cid.CID {
  let cid: Cid.CID | undefined;
  for (const { number, kind, value } of fieldsOf(link)) {
    if (number !== 1) continue;
    if (kind !== 'bytes' || cid !== undefined) throw new Malformed('a link does not have one CID');
    cid = fromBytes(Uint8Array.from(value))?.toV1();
    if (cid === undefined) throw new Malformed('a link has a CID that is none');
  }
  if (cid === undefined) throw new Malformed('a link has no CID');
  if (cid.multihash.code === 0) throw new Malformed(`a link has the identity CID ${cid}, which is not taken here`);
  if (!isNode(cid) && !Cid.isBlob(cid)) throw new Malformed(`a link has the CID ${cid}, which is neither dag-pb nor raw with SHA2-256`);
  return cid;
}

interface FileData {
  readonly inline: Uint8Array;
  readonly sizes: readonly number[];
  readonly total: number | undefined;
}

function fileData(message: Uint8Array): FileData {
  let type: number | undefined;
  let total: number | undefined;
  let inline: Uint8Array = NO_BYTES;
  const sizes: number[] = [];
  for (const { number, kind, value } of fieldsOf(message)) {
    if (number === 1 && kind === 'varint') type = value;
    else if (number === 2 && kind === 'bytes') inline = value;
    else if (number === 3 && kind === 'varint') total = value;
    else if (number === 4 && kind === 'varint') sizes.push(value);
    else if (number <= 4) throw new Malformed(`field ${number} of UnixFS data is of a wrong kind`);
  }
  if (type === undefined || type === FILE || type === 0) {
    if (type === undefined) throw new Malformed('UnixFS data does not say what it is');
    return { inline, sizes, total };
  }
  throw new Malformed(`it is ${kindOf(type)}, and not a file`);
}

/** What UnixFS data of a type is, for people. */
export function kindOf(type: number): string {
  return KINDS[type] ?? `UnixFS data of the unknown type ${type}`;
}
