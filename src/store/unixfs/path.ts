import { DocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import { sha256 } from '../../ipld/hash.ts';
import { findEntry } from './directory.ts';
import { Malformed } from './protobuf.ts';
import { type Blocks, MOST_BLOCK } from './rebuild.ts';

/**
 * The CID that a path of names leads to, from a directory down; each block is checked against its CID before it is looked into. So many names take at most nine times as
 * many blocks, whatever the blocks say: there are no circles to be caught in. Links are not followed.
 *
 * Throws `RESOURCE_INVALID` for blocks that do not match, or are of no directory, and for a name that is not there; and what `blocks` throws.
 */
export async function follow(root: Cid.CID, names: readonly string[], blocks: Blocks): Promise<Cid.CID> {
  let at = root;
  for (const [i, name] of names.entries()) {
    const way = [root.toString(), ...names.slice(0, i)].join('/');
    at = await entryOf(at, name, { way, blocks });
  }
  return at;
}

interface Step {
  /** For people. */
  readonly way: string;
  readonly blocks: Blocks;
}

async function entryOf(directory: Cid.CID, name: string, { way, blocks }: Step): Promise<Cid.CID> {
  let at = directory;
  for (let level = 0; ; level++) {
    if (!Cid.isUnixFs(at)) throw invalid(`${way} is a file, and not a directory`);
    const bytes = await blocks.get(at);
    if (bytes.length > MOST_BLOCK) throw invalid(`the block ${at} of ${way} has more than ${MOST_BLOCK} bytes`);
    if (Buffer.compare(sha256(bytes), at.multihash.digest) !== 0) throw invalid(`the bytes given as ${at} are others`);
    const found = look(bytes, name, level, way);
    if (found === undefined) throw invalid(`${way} has nothing called ${JSON.stringify(name)}`);
    at = found.cid;
    if (found.kind === 'entry') return at;
  }
}

function look(bytes: Uint8Array, name: string, level: number, way: string): ReturnType<typeof findEntry> {
  try {
    return findEntry(bytes, name, level);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw invalid(`${way}: ${error.message}`);
  }
}

function invalid(message: string): DocketError {
  return new DocketError('RESOURCE_INVALID', message);
}
