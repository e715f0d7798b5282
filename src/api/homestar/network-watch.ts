import type { Clock } from '../../base/clock.ts';
import { peerIdOf } from '../../ipld/peer-id.ts';
import type { AgentView, PeerService } from '../../protocol/peers.ts';
import { multiaddr } from './node-info.ts';

/** How often peers are looked at while anybody listens, in ms. What is seen is at most ten seconds older. */
const LOOK = 10_000;

export type NetworkEvent = readonly [event: string, what: Readonly<Record<string, unknown>>];

/**
 * What happens between this agent and its peers, in Homestar's words, for as long as anybody listens: a peer that answers is a connection that was established, one
 * that does no more a connection that was closed. What else Homestar tells there (its DHT, gossip, rendezvous, mDNS) does not happen here and is never told.
 */
export class NetworkWatch {
  readonly #peers: Pick<PeerService, 'list'>;
  readonly #clock: Clock;
  readonly #listeners = new Map<object, (event: NetworkEvent) => void>();
  #present = new Map<string, AgentView>();
  #cancel: (() => void) | undefined;
  #isLooking = false;

  constructor(peers: Pick<PeerService, 'list'>, clock: Clock) {
    this.#peers = peers;
    this.#clock = clock;
  }

  add(listener: object, tell: (event: NetworkEvent) => void): void {
    this.#listeners.set(listener, tell);
    if (this.#listeners.size > 1) return;
    // Who was there while nobody listened is news to the first who does.
    this.#present = new Map();
    if (!this.#isLooking) this.#cancel ??= this.#clock.after(0, () => void this.#look());
  }

  remove(listener: object): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    try {
      const seen = await this.#peers.list({ hops: 0, signal: new AbortController().signal });
      for (const event of this.#changes(seen)) for (const tell of this.#listeners.values()) tell(event);
    } finally {
      this.#isLooking = false;
      this.#cancel = this.#listeners.size === 0 ? undefined : this.#clock.after(LOOK, () => void this.#look());
    }
  }

  *#changes({ present, absent }: Awaited<ReturnType<PeerService['list']>>): Generator<NetworkEvent> {
    const timestamp = this.#clock.now();
    const before = this.#present;
    this.#present = new Map(present.map((view) => [view.did, view]));
    const told = ({ did, address }: AgentView): Readonly<Record<string, unknown>> => ({
      address: multiaddr(address),
      peer_id: peerIdOf(did) ?? did,
      timestamp,
    });
    for (const view of before.values()) if (!this.#present.has(view.did)) yield ['connection_closed', told(view)];
    for (const view of present) if (!before.has(view.did)) yield ['connection_established', told(view)];
    for (const { error } of absent) yield ['outgoing_connection_error', { error, peer_id: null, timestamp }];
  }
}
