import * as Cid from '../../ipld/cid.ts';
import type { Ipld } from '../../ipld/value.ts';
import { type BlobView, hexOf } from '../../scheduler/blob-view.ts';
import { blobsOf, MOST_BLOBS } from './host-blobs.ts';
import { inTurns } from './host-turns.ts';

/** Lookups for all tasks that were offered together, in the turn of their offer: some tens of milliseconds. */
const AT_ONCE = 2_048;

interface Step {
  readonly cost: number;
  /** Whether something is not here, after which there is no more. */
  readonly isLacking: boolean;
}

/** Whether what tasks name is here, of tasks that were offered together: many name the same, which is looked at once. */
export class Look {
  readonly #view: BlobView;
  /** Names of what is here with all that it names. */
  readonly #whole = new Set<string>();
  #left = AT_ONCE;

  constructor(view: BlobView) {
    this.#view = view;
  }

  /** Undefined if that is more than should be looked at in this turn. Throws `BLOB_DAMAGED`, `TREE_INVALID`, `IPLD_INVALID`. */
  atOnce(value: Ipld): boolean | undefined {
    for (const { cost, isLacking } of this.#steps(value)) {
      if (isLacking) return false;
      this.#left -= cost;
      if (this.#left < 0) return undefined;
    }
    return true;
  }

  /** The same, with turns for others in between. */
  async inTurns(value: Ipld): Promise<boolean> {
    let isWhole = true;
    await inTurns(this.#steps(value), ({ cost, isLacking }) => {
      isWhole &&= !isLacking;
      return cost;
    });
    return isWhole;
  }

  /** What a tree names is looked up when the step after it is asked for. */
  *#steps(value: Ipld): Generator<Step> {
    let looked = 0;
    for (const link of Cid.links(value)) {
      if (!Cid.isStored(link) || this.#whole.has(hexOf(link))) continue;
      for (const { isHere, cost } of blobsOf([link], this.#view)) {
        const isLacking = !isHere || ++looked > MOST_BLOBS;
        yield { cost, isLacking };
        if (isLacking) return;
      }
      this.#whole.add(hexOf(link));
    }
  }
}
