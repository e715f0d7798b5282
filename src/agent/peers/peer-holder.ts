import { DocketError } from '../../errors.ts';
import { HOPS, MOST_HOPS } from '../../protocol/peers.ts';
import type { Holder } from '../../store/layered-store.ts';
import { RemoteStore } from '../../store/remote-store.ts';
import type { Peer, Peers } from './peers.ts';

/** How long a peer may be silent, in ms: less the further the question came, so that who asked first hears of it before it gives up itself. */
const SILENCE = 10_000;

export function silenceAt(hops: number): number {
  return SILENCE * (MOST_HOPS - hops);
}

/** A peer as one who may have a blob; a question that came through `hops` agents goes on through one more. */
export function holderAt(peers: Peers, peer: Peer, hops: number): Holder {
  const { url, state } = peer;
  if (state.tag === 'down') return absent(url, state.error);
  const remote = new RemoteStore({ ...peer.door, headers: { [HOPS]: String(hops + 1) }, idle: silenceAt(hops) });
  const told = (error: unknown): never => {
    peers.failed(url, error);
    throw error;
  };
  return {
    name: url,
    async *fetch(cid, options) {
      try {
        yield* remote.fetch(cid, options);
      } catch (error) {
        told(error);
      }
    },
    stat: (cid, options) => remote.stat(cid, options).catch(told),
    missing: (cids, options) => remote.missing(cids, options).catch(told),
  };
}

function absent(url: string, error: Error): Holder {
  const away = (): Promise<never> =>
    Promise.reject(new DocketError('AGENT_UNREACHABLE', `it did not answer a moment ago (${error.message})`, { details: { agent: url } }));
  return { name: url, fetch: () => ({ [Symbol.asyncIterator]: () => ({ next: away }) }), stat: away, missing: away };
}
