import type { Clock } from '../base/clock.ts';
import { DocketError } from '../errors.ts';

interface RateLimitOptions {
  /** Requests a second of one client; as many may come at once. */
  readonly rate: number;
  readonly clock: Clock;
  /** How many clients are remembered at most. Default 10,000. */
  readonly clients?: number;
}

interface Bucket {
  readonly tokens: number;
  /** When it held so many, in monotonic ms. */
  readonly at: number;
}

const CLIENTS = 10_000;

/**
 * A token bucket per client. One that is full again is as good as none, so clients that fall silent are forgotten; where there are more of others than are
 * remembered, those that were new the longest ago go first: memory is bounded, and who has thousands of addresses was not to be held back by this anyway.
 */
export class RateLimit {
  readonly #rate: number;
  readonly #clock: Clock;
  readonly #most: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor({ rate, clock, clients = CLIENTS }: RateLimitOptions) {
    this.#rate = rate;
    this.#clock = clock;
    this.#most = clients;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Throws `RATE_LIMITED`. */
  take(client: string): void {
    const now = this.#clock.monotonic();
    const tokens = this.#tokensOf(this.#buckets.get(client), now);
    if (tokens < 1) {
      const retryAfter = Math.ceil((1 - tokens) / this.#rate);
      throw new DocketError('RATE_LIMITED', `more than ${this.#rate} requests a second came from this client`, { details: { retryAfter } });
    }
    if (!this.#buckets.has(client) && this.#buckets.size >= this.#most) this.#forget(now);
    this.#buckets.set(client, { tokens: tokens - 1, at: now });
  }

  #tokensOf(bucket: Bucket | undefined, now: number): number {
    return bucket === undefined ? this.#rate : Math.min(this.#rate, bucket.tokens + ((now - bucket.at) * this.#rate) / 1000);
  }

  /** Makes room for half as many as are remembered, so that not every new client asks for that. */
  #forget(now: number): void {
    for (const [client, bucket] of this.#buckets) if (this.#tokensOf(bucket, now) >= this.#rate) this.#buckets.delete(client);
    for (const client of this.#buckets.keys()) {
      if (this.#buckets.size <= this.#most / 2) return;
      this.#buckets.delete(client);
    }
  }
}
