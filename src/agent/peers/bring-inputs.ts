import { mapConcurrent } from '../../base/limit-concurrency.ts';
import { isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import type { PeerService } from '../../protocol/peers.ts';
import type { Plan } from '../../workflow/model.ts';
import type { Engine } from '../engine.ts';
import { missingInputs } from '../missing-inputs.ts';
import type { ResourcePeers } from '../resources/resources.ts';
import { shelfOf } from '../resources/shelf.ts';

/** Blobs fetched at a time. */
const AT_ONCE = 8;

/** A blob that is nowhere is no fault of the way there: whoever needs it says so. Throws `BLOB_UNREACHABLE`. */
export async function bringIfAnywhere(peers: PeerService, cid: Cid.CID, signal: AbortSignal): Promise<void> {
  try {
    await peers.bring(cid, { hops: 0, signal });
  } catch (error) {
    if (!isDocketError(error, 'BLOB_MISSING')) throw error;
  }
}

/** Peers as those who are asked before gateways are. */
export function resourcePeers(peers: PeerService): ResourcePeers {
  return {
    bring: (cid, signal) => bringIfAnywhere(peers, cid, signal),
    alias: (name, signal) => peers.alias(name, { hops: 0, signal }),
  };
}

/** Gets here what a plan needs and a peer has: its modules, its inputs, and what trees among them name. Throws `BLOB_UNREACHABLE`. */
export async function bringInputs(engine: Engine, peers: PeerService, plan: Plan, signal: AbortSignal): Promise<void> {
  let before = new Set<string>();
  for (;;) {
    // What a tree names is known when the tree is here.
    const missing = (await missingInputs(shelfOf(engine), plan)).filter((cid) => Cid.isStored(cid) && !before.has(cid.toString()));
    if (missing.length === 0) return;
    await mapConcurrent(missing, AT_ONCE, (cid) => bringIfAnywhere(peers, cid, signal));
    before = before.union(new Set(missing.map(String)));
  }
}
