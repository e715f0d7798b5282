import { backoff } from '../../base/backoff.ts';
import type { AgentView } from '../../protocol/peers.ts';

/** What is known of a peer, and when it is to be looked at again. Times in monotonic ms. */
export type PeerState =
  | { readonly tag: 'unknown' }
  | { readonly tag: 'up'; readonly seen: number; readonly view: AgentView }
  /** The address leads back to this agent. */
  | { readonly tag: 'self'; readonly seen: number }
  | { readonly tag: 'down'; readonly until: number; readonly failures: number; readonly error: Error };

/** How long what a peer said of itself is taken for true. */
const FRESH = 10_000;
/** How long a peer that failed once is left alone. */
const FIRST_PAUSE = 1_000;

export function isDue(state: PeerState, now: number): boolean {
  switch (state.tag) {
    case 'unknown':
      return true;
    case 'up':
    case 'self':
      return now - state.seen >= FRESH;
    case 'down':
      return now >= state.until;
  }
}

export function answered(view: AgentView, own: string, now: number): PeerState {
  return view.did === own ? { tag: 'self', seen: now } : { tag: 'up', seen: now, view };
}

/** Each failure in a row doubles the pause; many at the same moment are one. */
export function failed(state: PeerState, error: Error, now: number): PeerState {
  if (state.tag === 'down' && now < state.until) return state;
  const failures = state.tag === 'down' ? state.failures + 1 : 1;
  return { tag: 'down', until: now + backoff(FIRST_PAUSE, failures), failures, error };
}
