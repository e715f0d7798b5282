import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import type { Store } from '../store/store.ts';

/** Blobs counted between two turns of the loop. */
const PER_TURN = 256;
/** Counting takes at most this part of the time, and is done at most this often, in ms. */
const SHARE = 0.01;
const OFTEN = 60_000;

interface Size {
  readonly blobs: number;
  readonly bytes: number;
}

/**
 * How much a store holds, as it was counted last. Other processes put blobs there, so it has to be looked for; the more there is, the more seldom.
 *
 * Invariants
 * C1. Asking never waits: it gives what is known and, if that has become old, has it counted anew.
 * C2. At most one count goes on; disposing ends it and waits for it.
 */
export class StoreSize implements AsyncDisposable {
  readonly #store: Pick<Store, 'list'>;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #known: Size | undefined;
  #due = 0;
  #counting: Promise<void> | undefined;

  constructor(store: Pick<Store, 'list'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Undefined until it was counted for the first time. */
  read(): Size | undefined {
    if (this.#counting === undefined && !this.#stop.signal.aborted && this.#clock.monotonic() >= this.#due)
      this.#counting = this.#count().finally(() => (this.#counting = undefined));
    return this.#known;
  }

  async #count(): Promise<void> {
    const began = this.#clock.monotonic();
    try {
      let blobs = 0;
      let bytes = 0;
      for await (const { size } of this.#store.list()) {
        if (this.#stop.signal.aborted) return;
        blobs++;
        bytes += size;
        if (blobs % PER_TURN === 0) await nextTurn();
      }
      this.#known = { blobs, bytes };
    } catch {
      // A store that cannot be listed has no known size; whoever reads from it is told why.
      this.#known = undefined;
    }
    const now = this.#clock.monotonic();
    this.#due = now + Math.max(OFTEN, (now - began) / SHARE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#counting;
  }
}
