import { DocketError } from '../../errors.ts';
import type { Peers } from './peers.ts';

/** How often a peer that says nothing is asked whether it lives, in ms. */
const VIGIL = 15_000;

interface Vigil {
  /** Aborted with `AGENT_TIMEOUT` when the peer does not say that it lives. */
  readonly signal: AbortSignal;
  readonly end: () => void;
}

/** A peer that says nothing may be at work: a job gives no other sign of life, nor does the hashing of a large blob. So it is asked, on another connection. */
export function keepVigil(peers: Pick<Peers, 'clock' | 'isAlive'>, url: string): Vigil {
  const gone = new AbortController();
  const state = { isOver: false, cancel: (): void => {} };
  const again = (): void => {
    state.cancel = peers.clock.after(VIGIL, () => {
      void peers.isAlive(url).then((lives) => {
        if (state.isOver) return;
        if (lives) again();
        else gone.abort(new DocketError('AGENT_TIMEOUT', `the agent at ${url} says nothing, and does not say that it lives`));
      });
    });
  };
  again();
  return {
    signal: gone.signal,
    end: () => {
      state.isOver = true;
      state.cancel();
    },
  };
}
