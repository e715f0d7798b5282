import type { Clock } from '../../base/clock.ts';
import type { DriveName } from '../../protocol/mesh/work.ts';

/** What the record of a run says of who drives it. */
export interface Driver {
  /** Undefined if that cannot be read: then whoever names an epoch that there is counts. */
  readonly did: string | undefined;
  /** Of the record; no epoch is above it. */
  readonly revision: number;
}

/** `nobody`: no record, or none that names a member. Undefined if it could not be asked until aborted. */
export type DriverOf = (run: string, signal: AbortSignal) => Promise<Driver | 'nobody' | undefined>;

/** How long the engine may take to say, in ms. Whoever offers then offers again, or elsewhere. */
const PATIENCE = 5_000;
/** Asked at a time; offers beyond that are as if they had been lost. */
const MOST = 32;

/**
 * Offers that contradict what is known of who drives a run. An epoch is a number, and anybody can say one: where two say that they drive a run, its record is asked. Where nobody
 * contradicts nobody asks, which is nearly always.
 *
 * Invariants
 * N1. What is asked ends: by an answer, or by patience; then nothing comes of it.
 */
export class Contests implements Disposable {
  readonly #driverOf: DriverOf;
  readonly #clock: Clock;
  readonly #asking = new Set<AbortController>();

  constructor(driverOf: DriverOf, clock: Clock) {
    this.#driverOf = driverOf;
    this.#clock = clock;
  }

  /** Whether `from` drives the run, by its record. `settle` is not called if that cannot be said. */
  ask({ run, epoch }: DriveName, from: string, settle: (isRight: boolean) => void): void {
    if (this.#asking.size >= MOST) return;
    const stop = new AbortController();
    this.#asking.add(stop);
    const cancel = this.#clock.after(PATIENCE, () => stop.abort());
    void this.#driverOf(run, stop.signal).then((driver) => {
      cancel();
      this.#asking.delete(stop);
      if (driver === undefined || stop.signal.aborted) return;
      settle(driver !== 'nobody' && epoch <= driver.revision && (driver.did ?? from) === from);
    });
  }

  [Symbol.dispose](): void {
    for (const stop of this.#asking) stop.abort();
  }
}
