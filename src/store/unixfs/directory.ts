import * as Cid from '../../ipld/cid.ts';
import { kindOf, linked, type Written } from './node.ts';
import { fieldsOf, Malformed, Message } from './protobuf.ts';
import { shardPlace } from './shard-hash.ts';

/**
 * Directories of UnixFS: a node with a link by name for each entry, or, where these are many, a tree of such nodes by the hash of the name (HAMT,
 * https://specs.ipfs.tech/unixfs). Names are bytes, compared as they are.
 */

export interface Named extends Pick<Written, 'cid' | 'blocks'> {
  readonly name: string;
}

/** A node, with the bytes it is made of. */
export interface WrittenNode extends Pick<Written, 'cid' | 'blocks'> {
  readonly bytes: Uint8Array;
}

const DIRECTORY = 1;
const SYMLINK = 4;
const SHARD = 5;

/** Bytes of names and CIDs above which IPFS makes a sharded directory of it. */
const MOST_LINKED = 256 * 1024;

/** Whether IPFS names a directory with these entries by one node. */
export function fitsInNode(entries: readonly Named[]): boolean {
  return entries.reduce((sum, { name, cid }) => sum + Buffer.byteLength(name) + cid.bytes.length, 0) <= MOST_LINKED;
}

/** The node of a directory, bit for bit as Kubo writes it. */
export function encodeDirectory(entries: readonly Named[]): WrittenNode {
  const named = entries.map((entry) => ({ ...entry, key: Buffer.from(entry.name) })).toSorted((a, b) => Buffer.compare(a.key, b.key));
  const node = new Message();
  for (const { cid, key, blocks } of named) {
    const link = new Message();
    link.bytes(1, cid.bytes);
    link.bytes(2, key);
    link.varint(3, blocks);
    node.bytes(2, link.finish());
  }
  const data = new Message();
  data.varint(1, DIRECTORY);
  node.bytes(1, data.finish());
  return written(
    node,
    entries.reduce((sum, { blocks }) => sum + blocks, 0),
  );
}

/** The node of a symbolic link, bit for bit as Kubo writes it. */
export function encodeSymlink(target: string): WrittenNode {
  const data = new Message();
  data.varint(1, SYMLINK);
  data.bytes(2, Buffer.from(target));
  const node = new Message();
  node.bytes(1, data.finish());
  return written(node, 0);
}

function written(node: Message, below: number): WrittenNode {
  const bytes = node.finish();
  return { bytes, cid: Cid.ofUnixFs(bytes), blocks: below + bytes.length };
}

/** Whether a block is a node of a directory, or the first of a sharded one. */
export function isDirectory(bytes: Uint8Array): boolean {
  try {
    findEntry(bytes, '', 0);
    return true;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return false;
  }
}

export type Found =
  | { readonly kind: 'entry'; readonly cid: Cid.CID }
  /** It is in this part of the directory, or in none. */
  | { readonly kind: 'shard'; readonly cid: Cid.CID };

/**
 * Looks for a name in a stranger's node of a directory; `level` is how many shards lie above it. Undefined if there is no such entry. Throws `Malformed`, also for a
 * node that is none of a directory.
 */
export function findEntry(bytes: Uint8Array, name: string, level: number): Found | undefined {
  const links: Uint8Array[] = [];
  let data: Uint8Array | undefined;
  for (const { number, kind, value } of fieldsOf(bytes)) {
    if (kind !== 'bytes' || number > 2) throw new Malformed(`a dag-pb node has no field ${number} of that kind`);
    if (number === 2) links.push(value);
    else if (data === undefined) data = value;
    else throw new Malformed('a dag-pb node has its data twice');
  }
  if (data === undefined) throw new Malformed('a dag-pb node without data is no directory');
  const type = checkedType(data);
  if (type === DIRECTORY && level === 0) {
    const link = one(links, Buffer.from(name));
    return link && { kind: 'entry', cid: linked(link) };
  }
  if (type !== SHARD) throw new Malformed(`it is ${kindOf(type)}, and not ${level === 0 ? 'a directory' : kindOf(SHARD)}`);
  const place = shardPlace(name, level);
  if (place === undefined) throw new Malformed('it is a sharded directory of more levels than there are');
  // An entry without a name would be called as a shard is.
  const entry = name === '' ? undefined : one(links, Buffer.from(`${place}${name}`));
  if (entry !== undefined) return { kind: 'entry', cid: linked(entry) };
  const shard = one(links, Buffer.from(place));
  return shard && { kind: 'shard', cid: linked(shard) };
}

/** The one link of that name. */
function one(links: readonly Uint8Array[], name: Uint8Array): Uint8Array | undefined {
  const found = links.filter((link) => Buffer.compare(nameIn(link), name) === 0);
  if (found.length > 1) throw new Malformed(`a directory has ${found.length} entries of one name`);
  return found[0];
}

const NO_NAME = new Uint8Array();

function nameIn(link: Uint8Array): Uint8Array {
  let name: Uint8Array | undefined;
  for (const { number, kind, value } of fieldsOf(link)) {
    if (number !== 2) continue;
    if (kind !== 'bytes' || name !== undefined) throw new Malformed('a link does not have one name');
    name = value;
  }
  return name ?? NO_NAME;
}

/** As Kubo makes shards: 256 places a node, by MurmurHash3. */
const FANOUT = 256;
const MURMUR3 = 0x22;

function checkedType(data: Uint8Array): number {
  const numbers = new Map<number, number>();
  for (const { number, kind, value } of fieldsOf(data)) if (kind === 'varint') numbers.set(number, value);
  const type = numbers.get(1);
  if (type === undefined) throw new Malformed('UnixFS data does not say what it is');
  if (type === SHARD && (numbers.get(5) !== MURMUR3 || numbers.get(6) !== FANOUT))
    throw new Malformed('it is a sharded directory (HAMT) of another hash or width than IPFS has');
  return type;
}
