import type { CID } from '../ipld/cid.ts';
import { decode, type Tree } from './tree.ts';

/** Entries of all that are kept, some hundred bytes each; a tree that has more by itself is not. */
const MOST = 65_536;

/** Trees that were decoded lately: many tasks take the same one, and decoding takes the longer the more files it names. */
export class KnownTrees {
  readonly #trees = new Map<string, { readonly tree: Tree; readonly entries: number }>();
  #entries = 0;

  /** `read` gives its bytes, if it is not known. Throws `TREE_INVALID`, and what `read` throws. */
  of(cid: CID, read: () => Uint8Array): Tree {
    const name = cid.toString();
    const known = this.#trees.get(name);
    if (known !== undefined) {
      this.#trees.delete(name);
      this.#trees.set(name, known);
      return known.tree;
    }
    const tree = decode(read());
    const entries = Object.keys(tree).length;
    if (entries > MOST) return tree;
    this.#trees.set(name, { tree, entries });
    this.#entries += entries;
    for (const [oldest, { entries: fewer }] of this.#trees) {
      if (this.#entries <= MOST) break;
      this.#trees.delete(oldest);
      this.#entries -= fewer;
    }
    return tree;
  }
}
