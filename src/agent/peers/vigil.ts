import { DocketError } from '../../errors.ts';
import type { Peers } from './peers.ts';

/** How often a peer that says nothing is asked whether it lives, in ms. */
const VIGIL = 15_000;

/** How often in a row it may fail to say so: one look that is lost, or comes while its loop is busy, ends nothing that takes hours. */
const MOST_SILENT = 3;
/** Time between such looks, in ms. */
const PAUSE = 5_000;

interface Vigil {
  /** Aborted with `AGENT_TIMEOUT` when the peer does not say that it lives, asked three times. */
  readonly signal: AbortSignal;
  readonly end: () => void;
}

/** A peer that says nothing may be at work: a job gives no other sign of life, nor does the hashing of a large blob. So it is asked, on another connection. */
export function keepVigil(peers: Pick<Peers, 'clock' | 'isAlive'>, url: string): Vigil {
  const gone = new AbortController();
  const state = { isOver: false, cancel: (): void => {} };
  const again = (silent: number): void => {
    state.cancel = peers.clock.after(silent === 0 ? VIGIL : PAUSE, () => {
      void peers.isAlive(url).then((lives) => {
        if (state.isOver) return;
        if (lives) again(0);
        else if (silent + 1 < MOST_SILENT) again(silent + 1);
        else gone.abort(new DocketError('AGENT_TIMEOUT', `the agent at ${url} says nothing, and does not say that it lives`));
      });
    });
  };
  again(0);
  return {
    signal: gone.signal,
    end: () => {
      state.isOver = true;
      state.cancel();
    },
  };
}
