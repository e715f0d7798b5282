import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import { type BlobView, hexOf } from './blob-view.ts';

/** The small blobs a job needs, which travel with it, or the first blob that is nowhere. */
export type Supplies = { readonly small: Map<string, Uint8Array> } | { readonly missing: CID };

/**
 * Gathers what a job needs besides the large blobs, which its slot reads from the disk store by itself. One that runs `away` needs not find them here: who runs it
 * fetches what it lacks from whoever holds it.
 */
export function gather(module: CID | undefined, input: Ipld, view: BlobView, away = false): Supplies {
  const small = new Map<string, Uint8Array>();
  const add = (cid: CID, bytes: Uint8Array | undefined): boolean => {
    if (bytes !== undefined) small.set(hexOf(cid), bytes);
    return bytes !== undefined || view.has(cid) || (away && view.elsewhere.of(cid) !== undefined);
  };
  const take = (cid: CID): boolean => add(cid, view.small(cid));
  if (module !== undefined && !add(module, view.module(module))) return { missing: module };
  for (const cid of Cid.links(input)) {
    if (!Cid.isStored(cid)) continue;
    if (!take(cid)) return { missing: cid };
    if (!Cid.isTree(cid) || (away && !view.has(cid))) continue;
    for (const entry of Object.values(view.tree(cid))) if ('cid' in entry && !take(entry.cid)) return { missing: entry.cid };
  }
  return { small };
}
