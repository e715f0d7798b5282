import { DocketError } from '../../errors.ts';
import { HOPS, MOST_HOPS } from '../../protocol/peers.ts';
import type { Holder } from '../../store/holders.ts';
import { RemoteStore } from '../../store/remote-store.ts';
import type { Peer, Peers } from './peers.ts';
import { keepVigil } from './vigil.ts';

/**
 * How long a peer may take to answer, in ms, where it has only to look; and where it may have to hash gigabytes first, or to fetch them from the next. Less the
 * further the question came, so that who asked first hears of it before it gives up itself.
 */
const LOOKING = 10_000;
const FETCHING = 90_000;

export function patienceAt(hops: number): number {
  return LOOKING * (MOST_HOPS - hops);
}

/** A peer as one who may have a blob; a question that came through `hops` agents goes on through one more. */
export function holderAt(peers: Peers, peer: Peer, hops: number): Holder {
  const { url, state } = peer;
  if (state.tag === 'down') return absent(url, state.error);
  const door = { ...peer.door, headers: { [HOPS]: String(hops + 1) }, idle: patienceAt(hops) };
  const looking = new RemoteStore({ ...door, patience: patienceAt(hops) });
  const fetching = new RemoteStore({ ...door, patience: FETCHING * (MOST_HOPS - hops) });
  const told = (error: unknown): never => {
    peers.failed(url, error);
    throw error;
  };
  return {
    name: url,
    async *fetch(cid, { signal, start = 0 }) {
      const vigil = keepVigil(peers, url);
      try {
        for await (const chunk of fetching.fetch(cid, { signal: AbortSignal.any([signal, vigil.signal]), start })) {
          vigil.end();
          yield chunk;
        }
      } catch (error) {
        told(error);
      } finally {
        vigil.end();
      }
    },
    stat: (cid, options) => looking.stat(cid, options).catch(told),
    missing: (cids, options) => looking.missing(cids, options).catch(told),
  };
}

function absent(url: string, error: Error): Holder {
  const away = (): Promise<never> =>
    Promise.reject(new DocketError('AGENT_UNREACHABLE', `it did not answer a moment ago (${error.message})`, { details: { agent: url } }));
  return { name: url, fetch: () => ({ [Symbol.asyncIterator]: () => ({ next: away }) }), stat: away, missing: away };
}
