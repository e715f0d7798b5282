import type { CID } from '../../ipld/cid.ts';
import { type Elsewhere, type HeldBlob, hexOf } from '../blob-view.ts';

/** Members that are remembered for each blob: those that came by it last. */
const MOST_HOLDERS = 8;
/** Blobs that are remembered; those heard of longest ago are forgotten, which costs a fetch from elsewhere or the work of making them again. */
const MOST_BLOBS = 1_000_000;

/** Which members hold which large blobs, as they said. For all runs of one coordinator. */
export class Holders implements Elsewhere {
  readonly #blobs = new Map<string, { readonly size: number; readonly dids: string[] }>();

  get isEmpty(): boolean {
    return this.#blobs.size === 0;
  }

  /** `did` holds these. */
  add(did: string, blobs: Iterable<HeldBlob>): void {
    for (const { cid, size } of blobs) {
      const name = hexOf(cid);
      const known = this.#blobs.get(name);
      if (known === undefined) {
        if (this.#blobs.size >= MOST_BLOBS) this.#blobs.delete(this.#blobs.keys().next().value!);
        this.#blobs.set(name, { size, dids: [did] });
      } else if (!known.dids.includes(did)) {
        if (known.dids.length >= MOST_HOLDERS) known.dids.shift();
        known.dids.push(did);
      }
    }
  }

  /** Who holds it, and its size; undefined if nobody said so. Those who are gone may be among them: they may come back. */
  of(cid: CID): { readonly size: number; readonly dids: readonly string[] } | undefined {
    return this.#blobs.get(hexOf(cid));
  }

  /** Nobody gave it when it was asked for. */
  forget(cid: CID): void {
    this.#blobs.delete(hexOf(cid));
  }
}
