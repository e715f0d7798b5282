import { isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import type { PeerService } from '../../protocol/peers.ts';
import type { ResourcePeers } from '../resources/resources.ts';

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
