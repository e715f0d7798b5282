import type { CID } from '../../ipld/cid.ts';
import { isDocketError } from '../../errors.ts';
import type { PeerService } from '../../protocol/peers.ts';
import type { Store } from '../../store/store.ts';
import type { MeshPeers } from '../peers/mesh-peers.ts';
import type { Bringing } from './member-source.ts';
import { meshFinder } from './mesh-finder.ts';
import { toldAliases, toldModules } from './mesh-names.ts';
import type { Transfers } from './transfers.ts';

/** The other members, as an agent's peers: blobs and names come from them. `accepts`: whether what a member says a module to be is taken. */
export function meshPeersOf(around: Bringing & { readonly accepts: (did: string) => boolean }): MeshPeers {
  return {
    blobs: meshFinder(around),
    module: (reference, signal) => toldModules(around, reference, signal),
    alias: (name, signal) => toldAliases(around, name, signal),
  };
}

/**
 * Gets a blob here for work: what is here stays, what is not comes from one of `holders`, or from wherever it is, verified; those who want the same one share that. Throws
 * `BLOB_MISSING` if nobody has it, `BLOB_UNREACHABLE` if not everybody who may have it gave it, saying who and why; the signal's reason.
 */
export type Bring = (cid: CID, holders: readonly string[], signal: AbortSignal) => Promise<void>;

export function bringerOf(store: Pick<Store, 'stat'>, peers: Pick<PeerService, 'bring'>, transfers: Transfers): Bring {
  return async (cid, holders, signal) => {
    if ((await store.stat(cid)) !== undefined) return transfers.wanted('here');
    try {
      await peers.bring(cid, { hops: 0, signal, hints: holders });
      transfers.wanted('fetched');
    } catch (error) {
      if (isDocketError(error)) transfers.wanted('nowhere');
      throw error;
    }
  };
}
