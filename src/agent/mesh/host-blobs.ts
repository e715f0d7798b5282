import { mapConcurrent } from '../../base/limit-concurrency.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import type { Ipld } from '../../ipld/value.ts';
import { type BlobView, hexOf } from '../../scheduler/blob-view.ts';
import { inTurns } from './host-turns.ts';

/** Which blobs a task of others needs, and which its result names. Both look into trees, and into large values, which name others in turn. */

/** Gets a blob, verified, from one of these members or wherever it is. Throws what fetching throws. */
export type Bring = (cid: Cid.CID, holders: readonly string[], signal: AbortSignal) => Promise<void>;

/** Blobs that one task may name. */
export const MOST_BLOBS = 65_536;
/** Blobs that are fetched at a time for one task. */
const AT_A_TIME = 4;
/** How often what was fetched may turn out to name something else: a tree, a large value, values within. */
const MOST_ROUNDS = 8;

/** `cost`: of looking into it too, in lookups. */
interface Named {
  readonly cid: Cid.CID;
  readonly isHere: boolean;
  readonly cost: number;
}

/** Bytes of a tree, or of a large value, that are decoded in the time of one lookup. */
const BYTES = 256;

/** Every blob `value` names, once, in no order; what is not here cannot be looked into. Throws `BLOB_DAMAGED`, `TREE_INVALID`, `IPLD_INVALID`. */
export function* blobsOf(value: Ipld, view: BlobView): Generator<Named> {
  const seen = new Set<string>();
  const pending: Ipld[] = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const cid of Cid.links(next)) {
      if (!Cid.isStored(cid) || seen.has(hexOf(cid))) continue;
      if (seen.size >= MOST_BLOBS) throw new DocketError('IPLD_INVALID', `more than ${MOST_BLOBS} blobs are named`);
      seen.add(hexOf(cid));
      const isHere = view.has(cid);
      const isLookedInto = isHere && (Cid.isTree(cid) || Cid.isLargeValue(cid));
      yield { cid, isHere, cost: 1 + (isLookedInto ? (view.sizeHere(cid) ?? 0) / BYTES : 0) };
      if (!isHere) continue;
      if (Cid.isTree(cid)) pending.push(Object.values(view.tree(cid)).flatMap((entry) => ('cid' in entry ? [entry.cid] : [])));
      else if (Cid.isLargeValue(cid)) pending.push(view.largeValue(cid));
    }
  }
}

/** Those that are not here, as far as can be seen. */
export function missingBlobs(value: Ipld, view: BlobView): Cid.CID[] {
  return [...blobsOf(value, view)].filter(({ isHere }) => !isHere).map(({ cid }) => cid);
}

/** Fetches until nothing is missing. Throws what fetching throws, the signal's reason, and as `missingBlobs`. */
export async function bringAll(
  value: Ipld,
  view: BlobView,
  { bring, holders, signal }: { readonly bring: Bring; readonly holders: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const missing: Cid.CID[] = [];
    await inTurns(blobsOf(value, view), ({ cid, isHere, cost }) => {
      if (!isHere) missing.push(cid);
      return cost;
    });
    if (missing.length === 0) return;
    signal.throwIfAborted();
    await mapConcurrent(missing, AT_A_TIME, (cid) => bring(cid, holders, signal));
    signal.throwIfAborted();
  }
  throw new DocketError('IPLD_INVALID', `what is fetched goes on naming something else`);
}

/** Of the first blobs that a result names and that are here, their sizes: where they lie matters to those who use them, if they are large. */
export function heldBlobs(value: Ipld, view: BlobView, sizeOf: (cid: Cid.CID) => number | undefined): { cid: Cid.CID; size: number }[] {
  const held: { cid: Cid.CID; size: number }[] = [];
  try {
    for (const { cid, isHere } of blobsOf(value, view)) {
      if (held.length >= MOST_HELD) break;
      const size = isHere ? sizeOf(cid) : undefined;
      if (size !== undefined) held.push({ cid, size });
    }
  } catch (error) {
    // A damaged tree: who needs what it names will see.
    if (!isDocketError(error)) throw error;
  }
  return held;
}

const MOST_HELD = 1_024;
