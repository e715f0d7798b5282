import * as Cid from '../../ipld/cid.ts';
import { Sha256 } from '../../ipld/hash.ts';
import { encodeNode, type Written } from './node.ts';

/** Both as `ipfs add --cid-version 1` has them by default. */
const CHUNK = 262_144;
const MOST_LINKS = 174;

/**
 * The CID that `ipfs add --cid-version 1` prints for a file: chunks of 262,144 bytes as raw leaves, and above them a balanced tree of nodes with up to 174
 * links each. What fits into one chunk is named as that chunk, like any blob.
 *
 * Memory is that of the open nodes, one for each level, however long the file is.
 */
export class FileHash {
  #chunk = new Sha256();
  #filled = 0;
  readonly #nodes = new Nodes();

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#filled === CHUNK) this.#closeChunk();
      const part = bytes.subarray(at, at + CHUNK - this.#filled);
      this.#chunk.update(part);
      this.#filled += part.length;
      at += part.length;
    }
  }

  /** To be asked for once, at the end. */
  digest(): Cid.CID {
    this.#closeChunk();
    return this.#nodes.root().cid;
  }

  #closeChunk(): void {
    this.#nodes.add({ cid: Cid.fromSha256(this.#chunk.digest()), size: this.#filled, blocks: this.#filled });
    this.#chunk = new Sha256();
    this.#filled = 0;
  }
}

/** The nodes above the chunks of a file. */
class Nodes {
  /** Links of the open node of each level, the lowest first. Full ones are closed when the next link comes: a node alone on its level is the root. */
  readonly #levels: Written[][] = [[]];

  add(link: Written, level = 0): void {
    if (this.#levels[level]?.length === MOST_LINKS) this.#close(level);
    (this.#levels[level] ??= []).push(link);
  }

  /** To be asked for once, at the end. */
  root(): Written {
    for (let level = 0; ; level++) {
      const links = this.#levels[level]!;
      if (level === this.#levels.length - 1 && links.length === 1) return links[0]!;
      this.#close(level);
    }
  }

  #close(level: number): void {
    const links = this.#levels[level]!;
    this.#levels[level] = [];
    this.add(encodeNode(links), level + 1);
  }
}

/** Bytes of all blocks of a file of so many bytes: they follow from the layout, since all CIDs in it are equally long. */
export function blocksOf(size: number): number {
  const nodes = new Nodes();
  for (let left = size; ; left -= CHUNK) {
    const chunk = Math.min(left, CHUNK);
    nodes.add({ cid: ANY, size: chunk, blocks: chunk });
    if (left <= CHUNK) return nodes.root().blocks;
  }
}

const ANY = Cid.fromSha256(new Uint8Array(32));

/** Of bytes that come in pieces. */
export async function fileCid(source: AsyncIterable<Uint8Array>): Promise<Cid.CID> {
  const hash = new FileHash();
  for await (const chunk of source) hash.update(chunk);
  return hash.digest();
}
