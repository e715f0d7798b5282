import type { Clock } from '../../base/clock.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import type { AgentView, Role } from '../../protocol/peers.ts';
import type { AgentDoor } from '../../store/agent-call.ts';
import { look } from './look.ts';
import { answered, failed, isDue, type PeerState } from './peer-state.ts';

/**
 * Who the peers are, and which of them answer.
 *
 * Invariants
 * P1. A peer is asked for something only after it said who it is. One that is this agent itself, under whatever address, is asked for nothing.
 * P2. A peer that does not answer is left alone for a second, then two, up to a minute, and counts as one that did not answer all that time: never as one that
 *     has not what is wanted.
 * P3. Looking at a peer takes `LOOK` ms at most. A request waits for it only where there is nothing known of the peer, or nobody who could answer instead.
 */

/** Where a peer is, and the token it is asked with. */
export interface PeerAddress {
  readonly url: string;
  readonly token?: string;
}

export interface Peer {
  readonly door: AgentDoor;
  readonly url: string;
  readonly state: PeerState;
}

export interface PresentPeer extends Peer {
  readonly view: AgentView;
}

const LOOK = 5_000;

interface PeersOptions {
  readonly addresses: readonly PeerAddress[];
  /** Of this agent. */
  readonly did: string;
  readonly clock: Clock;
}

class Known {
  readonly door: AgentDoor;
  state: PeerState = { tag: 'unknown' };
  /** A look that is under way. */
  looking: Promise<void> | undefined;

  constructor(door: AgentDoor) {
    this.door = door;
  }

  get url(): string {
    return this.door.url;
  }
}

export class Peers implements AsyncDisposable {
  readonly #known: readonly Known[];
  readonly #did: string;
  readonly clock: Clock;
  readonly #stop = new AbortController();

  constructor({ addresses, did, clock }: PeersOptions) {
    this.#known = addresses.map((address) => new Known({ ...address, clock }));
    this.#did = did;
    this.clock = clock;
  }

  /** How many were named. */
  get size(): number {
    return this.#known.length;
  }

  /** All but this agent itself, as they are known; the state of each is told when nothing better can be had soon. */
  async all(): Promise<readonly Peer[]> {
    await this.#settle(() => this.#present().length > 0);
    return this.#others();
  }

  /** All but this agent itself, after every look that is due. */
  async seen(): Promise<readonly Peer[]> {
    await this.#settle(() => false);
    return this.#others();
  }

  /** Those that answer and have the role, in the order they were named. */
  async withRole(role: Role): Promise<readonly PresentPeer[]> {
    const found = (): readonly PresentPeer[] => this.#present().filter(({ view }) => view.roles.includes(role));
    await this.#settle(() => found().length > 0);
    return found();
  }

  /** Told of every failure in talking to a peer; what does not mean that it is away changes nothing. */
  failed(url: string, error: unknown): void {
    const peer = this.#known.find((known) => known.url === url);
    if (peer !== undefined && isAway(error)) peer.state = failed(peer.state, error, this.clock.monotonic());
  }

  /** Whether a peer that says nothing for a while still lives. */
  async isAlive(url: string): Promise<boolean> {
    const peer = this.#known.find((known) => known.url === url);
    if (peer === undefined) return false;
    await (peer.looking ?? this.#look(peer));
    return peer.state.tag === 'up';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new DocketError('CANCELLED', 'the agent was stopped'));
    await Promise.all(this.#known.flatMap(({ looking }) => looking ?? []));
  }

  /** One agent may have been named by several addresses. */
  #others(): Known[] {
    const seen = new Set<string>();
    return this.#known.filter(({ state }) => {
      if (state.tag === 'self') return false;
      if (state.tag !== 'up') return true;
      const isNew = !seen.has(state.view.did);
      seen.add(state.view.did);
      return isNew;
    });
  }

  #present(): PresentPeer[] {
    return this.#others().flatMap(({ door, url, state }) => (state.tag === 'up' ? [{ door, url, state, view: state.view }] : []));
  }

  async #settle(isEnough: () => boolean): Promise<void> {
    const now = this.clock.monotonic();
    const looks = this.#known.filter(({ state }) => isDue(state, now)).map((peer) => ({ peer, done: peer.looking ?? this.#look(peer) }));
    const unknown = looks.filter(({ peer }) => peer.state.tag === 'unknown');
    await Promise.all(unknown.map(({ done }) => done));
    if (!isEnough()) await Promise.all(looks.map(({ done }) => done));
  }

  #look(peer: Known): Promise<void> {
    peer.looking = this.#lookNow(peer).finally(() => (peer.looking = undefined));
    return peer.looking;
  }

  async #lookNow(peer: Known): Promise<void> {
    const late = new AbortController();
    const cancel = this.clock.after(LOOK, () =>
      late.abort(new DocketError('AGENT_TIMEOUT', `the agent at ${peer.url} did not answer in time`)),
    );
    try {
      const view = await look(peer.door, AbortSignal.any([late.signal, this.#stop.signal]));
      peer.state = answered(view, this.#did, this.clock.monotonic());
    } catch (error) {
      if (!this.#stop.signal.aborted) peer.state = failed(peer.state, error as Error, this.clock.monotonic());
    } finally {
      cancel();
    }
  }
}

export function isAway(error: unknown): error is DocketError {
  return isDocketError(error, 'AGENT_TIMEOUT') || isDocketError(error, 'AGENT_UNREACHABLE');
}
