import type { Clock } from '../../base/clock.ts';
import { mapConcurrent } from '../../base/limit-concurrency.ts';
import * as Cid from '../../ipld/cid.ts';
import type { Ipld } from '../../ipld/value.ts';
import * as LargeValue from '../../ipld/large-value.ts';
import { type DocketError, isDocketError } from '../../errors.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import type { Store } from '../../store/store.ts';
import * as Tree from '../../store/tree.ts';
import { objectOf } from './mesh-finder.ts';
import { pin } from './pins.ts';
import type { Refused } from './refusals.ts';

/**
 * Blobs that outlive the members that have them: what a run needs, so that another member can go on with it, and outputs that are to last.
 *
 * Invariants
 * O1. What is kept for a run is pinned before it is put (`pins.ts`), and swept only when the run is forgotten and some time has passed (`sweep.ts`).
 * O2. With a blob comes what it names: the files of a tree, and what stands in a large value.
 * O3. What is put was verified when it was read; what is got is verified by whoever keeps it.
 */

/** Blobs on their way at a time. */
const AT_ONCE = 4;
/** Bytes of a tree, or of a large value, that is looked into. */
const MOST_LOOKED = 256 * 2 ** 20;

export interface ObjectsOptions {
  readonly mesh: Pick<Mesh, 'objects' | 'records'>;
  readonly store: Store;
  readonly clock: Clock;
  /** As of `pin`. */
  readonly onRefused?: ((refused: Refused) => void) | undefined;
}

export interface Kept {
  readonly cids: readonly Cid.CID[];
  /** Named, and not here, so that they could not be put. */
  readonly missing: readonly Cid.CID[];
  /** Why the engine did not take one of them. */
  readonly error?: DocketError;
}

export class MeshObjects {
  readonly #options: ObjectsOptions;

  constructor(options: ObjectsOptions) {
    this.#options = options;
  }

  /** Resolves when it is durable in the mesh; false if it is not here to be put there. Throws `MESH_…`, and what the store throws. */
  async put(cid: Cid.CID, signal: AbortSignal): Promise<boolean> {
    const { mesh, store } = this.#options;
    const stat = await store.stat(cid);
    if (stat === undefined) return false;
    try {
      await mesh.objects.put(objectOf(cid), stat.size, store.get(cid, { signal }), signal);
      return true;
    } catch (error) {
      // It went, or was found damaged, meanwhile.
      if (isDocketError(error, 'BLOB_MISSING') || isDocketError(error, 'BLOB_DAMAGED')) return false;
      throw error;
    }
  }

  /** Has these not swept as long as the run is known, or for `lasting` ms: to be called before they are put. Throws `MESH_…`. */
  async pin(run: string, cids: readonly Cid.CID[], signal: AbortSignal, lasting?: number): Promise<void> {
    const { mesh, clock, onRefused } = this.#options;
    await pin(run, cids, { records: mesh.records, objects: mesh.objects, clock, signal, lasting, onRefused });
  }

  /** Has what these name, and what that names in turn, kept for a run, or for `lasting` ms. For each value what became of it. Throws `MESH_…`. */
  async keep(run: string, values: readonly Ipld[], signal: AbortSignal, lasting?: number): Promise<Kept[]> {
    const all = await mapConcurrent(values, 1, (value) => this.#named(value, signal));
    await this.pin(
      run,
      all.flatMap(({ cids }) => cids),
      signal,
      lasting,
    );
    const puts = new Map<string, Promise<boolean>>();
    const put = (cid: Cid.CID): Promise<boolean> => {
      const name = cid.toString();
      let known = puts.get(name);
      if (known === undefined) puts.set(name, (known = this.put(cid, signal)));
      return known;
    };
    return await mapConcurrent(all, 1, async ({ cids, missing }) => {
      try {
        const isPut = await mapConcurrent(cids, AT_ONCE, put);
        return { cids: cids.filter((_, i) => isPut[i]), missing: [...missing, ...cids.filter((_, i) => !isPut[i])] };
      } catch (error) {
        // One that finds no room says nothing of the next.
        if (!isDocketError(error) || signal.aborted) throw error;
        return { cids: [], missing, error };
      }
    });
  }

  async #named(value: Ipld, signal: AbortSignal): Promise<Omit<Kept, 'error'>> {
    const { store } = this.#options;
    const cids = new Map<string, Cid.CID>();
    const missing: Cid.CID[] = [];
    const pending: Ipld[] = [value];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const cid of Cid.links(next)) {
        signal.throwIfAborted();
        const name = cid.toString();
        if (!Cid.isStored(cid) || cids.has(name)) continue;
        if ((await store.stat(cid)) === undefined) {
          missing.push(cid);
          continue;
        }
        cids.set(name, cid);
        if (Cid.isTree(cid)) pending.push(filesOf(await Tree.read(store, cid, { limit: MOST_LOOKED })));
        else if (Cid.isLargeValue(cid)) pending.push(LargeValue.read(await store.read(cid, { limit: MOST_LOOKED })));
      }
    }
    return { cids: [...cids.values()], missing };
  }
}

function filesOf(tree: Tree.Tree): Cid.CID[] {
  return Object.values(tree).flatMap((entry) => ('cid' in entry ? [entry.cid] : []));
}
