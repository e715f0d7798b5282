import { DocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import { sha256 } from '../../ipld/hash.ts';
import { decodeNode, type FileNode, isNode, type NodeLink } from './node.ts';
import { Malformed } from './protobuf.ts';

/** Where blocks come from. What it gives need not be right, and is looked at before it is used. */
export interface Blocks {
  /** Throws if it has none. */
  get(cid: Cid.CID): Promise<Uint8Array>;
}

export interface RebuildOptions {
  /** Bytes the file may have. */
  readonly limit: number;
  readonly signal?: AbortSignal;
}

/** A block larger than this is no use to anybody else: others take at most 2 MiB. */
export const MOST_BLOCK = 4 * 2 ** 20;
/** Kubo's trees are 6 levels deep at a petabyte. */
const MOST_DEPTH = 32;
/** As many as 2 TiB have in chunks of the default size. */
const MOST_BLOCKS = 2 ** 23;

/**
 * The bytes of the file that `root` names, in order, from blocks of which each is checked against its CID before it is used. Any layout of UnixFS files will do;
 * directories are refused by name. Memory is that of one node for each level.
 *
 * Throws `RESOURCE_INVALID` for blocks that do not match or do not make a file, `BLOB_TOO_LARGE`, and what `blocks` throws.
 */
export async function* fileBytes(root: Cid.CID, blocks: Blocks, { limit, signal }: RebuildOptions): AsyncGenerator<Uint8Array> {
  /** What is left to do of each node from the root down, the next of it last. */
  const pending: NodeLink[][] = [];
  let next: { readonly cid: Cid.CID; readonly size: number | undefined } | undefined = { cid: root, size: undefined };
  for (let count = 1; next !== undefined; count++) {
    signal?.throwIfAborted();
    if (count > MOST_BLOCKS) throw invalid(root, `it has more than ${MOST_BLOCKS} blocks`);
    const { cid, size } = next;
    const { inline, links, size: found } = await open(root, cid, blocks);
    if (size !== undefined && size !== found) throw invalid(root, `${cid} is ${found} bytes where a node above it says ${size}`);
    // Said by the root before anything else is asked for.
    if (found > limit) throw tooLarge(root, found, limit);
    if (inline.length > 0) yield inline;
    if (links.length > 0) pending.push(links.toReversed());
    while (pending.at(-1)?.length === 0) pending.pop();
    if (pending.length > MOST_DEPTH) throw invalid(root, `it is more than ${MOST_DEPTH} levels deep`);
    next = pending.at(-1)?.pop();
  }
}

/** A piece of the file as a node without links. */
async function open(root: Cid.CID, cid: Cid.CID, blocks: Blocks): Promise<FileNode> {
  const bytes = await blocks.get(cid);
  if (bytes.length > MOST_BLOCK) throw invalid(root, `the block ${cid} has more than ${MOST_BLOCK} bytes`);
  if (Buffer.compare(sha256(bytes), cid.multihash.digest) !== 0) throw invalid(root, `the bytes given as ${cid} are others`);
  if (!isNode(cid)) return { inline: bytes, links: [], size: bytes.length };
  try {
    return decodeNode(bytes);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw invalid(root, cid.equals(root) ? error.message : `${cid}: ${error.message}`);
  }
}

function invalid(root: Cid.CID, what: string): DocketError {
  return new DocketError('RESOURCE_INVALID', `${root} cannot be had: ${what}`, { details: { cid: root.toString() } });
}

export function tooLarge(what: Cid.CID | string, size: number, limit: number): DocketError {
  return new DocketError('BLOB_TOO_LARGE', `${what} has ${size} bytes or more, and ${limit} are allowed`, {
    next: 'Allow more with --max-resource, if you trust where it comes from.',
    details: { limit },
  });
}
