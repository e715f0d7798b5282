import type { Asked, PeerService, Role } from '../../protocol/peers.ts';
import { MOST_HOPS } from '../../protocol/peers.ts';
import { digestHex } from '../../store/digest.ts';
import { missing } from '../../store/failures.ts';
import type { CID } from '../../ipld/cid.ts';
import { askEach, type Finder, inTurn } from '../../store/holders.ts';
import { LayeredStore } from '../../store/layered-store.ts';
import type { Engine } from '../engine.ts';
import { bringAlias } from './bring-alias.ts';
import { bringModule } from './bring-module.ts';
import { holderAt } from './peer-holder.ts';
import type { MeshPeers } from './mesh-peers.ts';
import type { Peers } from './peers.ts';
import { relay } from './relay.ts';

/**
 * What an agent gets from its peers, and leaves to them.
 *
 * Questions carry the number of agents they came through, and there is a layered store for each number: a fetch is shared only by questions that came as far.
 * So no fetch ever waits for itself by way of others, however the peers are named; and after `MOST_HOPS` nobody else is asked. Members of the mesh are asked
 * first, and answer for themselves alone.
 */
export function peerServiceOf(engine: Engine, peers: Peers, roles: readonly Role[], members?: MeshPeers): PeerService {
  const { key } = engine;
  const finder = (hops: number): Finder => {
    const named = askEach(async () => (await peers.all()).map((peer) => holderAt(peers, peer, hops)));
    return members === undefined ? named : inTurn([members.blobs, named]);
  };
  // Alone there is nothing to look for elsewhere.
  const isAlone = peers.size === 0 && members === undefined;
  const layers = Array.from({ length: isAlone ? 0 : MOST_HOPS }, (_, hops) => new LayeredStore(engine.store, finder(hops), engine.clock));
  return {
    roles,
    async list({ hops }) {
      if (hops > 0) return { present: [], absent: [] };
      const all = await peers.seen();
      return {
        present: all.flatMap(({ state }) => (state.tag === 'up' ? [state.view] : [])),
        absent: all.flatMap(({ url, state }) => (state.tag === 'down' ? [{ url, error: state.error.message }] : [])),
      };
    },
    store: (hops) => layers[hops] ?? engine.store,
    async bring(cid, asked) {
      const layer = layers[asked.hops];
      if (layer !== undefined) await layer.bring(cid, asked);
      else if ((await engine.store.stat(cid)) === undefined) throw missing(digestHex(cid));
    },
    async alias(name, asked) {
      const known = engine.ledger.alias(name.toV1());
      const layer = layers[asked.hops];
      if (known !== undefined || layer === undefined) return known;
      return await bringAlias(engine, peers, name, { ...asked, members, bring: bringing(layer, asked) });
    },
    async bringModule(reference, asked) {
      const layer = layers[asked.hops];
      if (layer !== undefined) await bringModule(engine, peers, reference, { ...asked, members, bring: bringing(layer, asked) });
    },
    relay: (request) => relay(peers, request, key.did),
  };
}

function bringing(layer: LayeredStore, { signal }: Asked): (cid: CID, hints?: readonly string[]) => Promise<void> {
  return (cid, hints) => layer.bring(cid, { signal, hints });
}
