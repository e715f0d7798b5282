import type { Clock } from '../../base/clock.ts';

/** How often refusals of one kind are told, in ms. */
const TELL = 60_000;

export interface Refused {
  /** A code of the registry, or a word. */
  readonly reason: string;
  /** DID, as who sent it says; not of a record. */
  readonly from?: string;
  readonly message: string;
}

interface Count {
  total: number;
  told: number;
  toldAt: number;
}

/** Messages and records of others that were not taken: all are counted by reason, and of each reason one is told a minute, so that who sends garbage fills no log. */
export class Refusals {
  readonly #counts = new Map<string, Count>();
  readonly #clock: Clock;
  readonly #tell: (refused: Refused & { readonly times: number }) => void;

  /** `tell`: `times` is how many there were since the last one that was told, itself included. */
  constructor(clock: Clock, tell: (refused: Refused & { readonly times: number }) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  add(refused: Refused): void {
    const now = this.#clock.monotonic();
    let count = this.#counts.get(refused.reason);
    if (count === undefined) this.#counts.set(refused.reason, (count = { total: 0, told: 0, toldAt: Number.NEGATIVE_INFINITY }));
    count.total++;
    if (now - count.toldAt < TELL) return;
    const times = count.total - count.told;
    count.told = count.total;
    count.toldAt = now;
    this.#tell({ ...refused, times });
  }

  /** How many of each reason there were. */
  get totals(): ReadonlyMap<string, number> {
    return new Map([...this.#counts].map(([reason, { total }]) => [reason, total]));
  }
}
