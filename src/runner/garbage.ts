/**
 * Bytes that were dropped, after which garbage is collected: the watchdog counts garbage like memory in use. Small things do not count: V8 collects them
 * in time by itself, and at less than half the cost.
 */
const COLLECT_AFTER = 64 << 20;

declare const gc: () => void;

/** What a slot process has dropped since it collected garbage last. */
export class Garbage {
  #dropped = 0;

  /** They are garbage soon: there is nothing to collect yet. */
  note(bytes: number): void {
    this.#dropped += bytes;
  }

  drop(bytes: number): void {
    this.note(bytes);
    if (this.#dropped <= COLLECT_AFTER) return;
    this.#dropped = 0;
    gc();
  }
}
