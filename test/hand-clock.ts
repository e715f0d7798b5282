import type { Clock } from '../src/base/clock.ts';

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/** Time that stands still until it is moved on. */
export class HandClock implements Clock {
  readonly timers = new Set<Timer>();
  #moment = 0;

  now(): number {
    return this.#moment;
  }

  monotonic(): number {
    return this.#moment;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { due: this.#moment + ms, callback };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  /** Fires what is due then. */
  advance(ms: number): void {
    this.#moment += ms;
    this.#fire([...this.timers].filter(({ due }) => due <= this.#moment));
  }

  /** Fires what is set now, whenever it is due, then lets promises settle. */
  async tick(): Promise<void> {
    const set = [...this.timers];
    this.#moment = Math.max(this.#moment, ...set.map(({ due }) => due));
    this.#fire(set);
    await new Promise((resolve) => setImmediate(resolve));
  }

  #fire(timers: readonly Timer[]): void {
    for (const timer of timers) if (this.timers.delete(timer)) timer.callback();
  }
}
