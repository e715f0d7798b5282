import { isDocketError } from '../../errors.ts';
import type { CID } from '../../ipld/cid.ts';
import type { BlobView, HeldBlob } from '../blob-view.ts';

/** Files of a tree that are weighed each by itself. */
const MOST_FILES = 32;
/** Trees that are remembered: those that were asked for last. */
const MOST_TREES = 1_024;

/**
 * What of input trees is weighed where a place is looked for, so that a look costs the same however many files a tree has: a tree is read when it is first asked for, and of its files the
 * largest count each by itself, and the next one for all others. Who has that one has them, as far as matters here.
 */
export class TreeInputs {
  readonly #known = new Map<string, readonly HeldBlob[]>();

  /** Of a tree that is here. Nothing of one that cannot be read: what is wrong with it is told when its task is given what it needs. */
  of(cid: CID, blobs: BlobView): readonly HeldBlob[] {
    const name = cid.toString();
    let weighed = this.#known.get(name);
    if (weighed === undefined) {
      weighed = weighedOf(cid, blobs);
      if (weighed === undefined) return [];
      if (this.#known.size >= MOST_TREES) this.#known.delete(this.#known.keys().next().value!);
    } else this.#known.delete(name);
    this.#known.set(name, weighed);
    return weighed;
  }
}

function weighedOf(cid: CID, blobs: BlobView): readonly HeldBlob[] | undefined {
  const files = filesOf(cid, blobs)?.sort((a, b) => b.size - a.size);
  const next = files?.[MOST_FILES];
  if (files === undefined || next === undefined) return files;
  const size = files.slice(MOST_FILES).reduce((sum, file) => sum + file.size, 0);
  return [...files.slice(0, MOST_FILES), { cid: next.cid, size }];
}

function filesOf(cid: CID, blobs: BlobView): HeldBlob[] | undefined {
  try {
    return Object.values(blobs.tree(cid)).flatMap((entry) => ('cid' in entry ? [{ cid: entry.cid, size: entry.size }] : []));
  } catch (cause) {
    if (!isDocketError(cause)) throw cause;
    return undefined;
  }
}
