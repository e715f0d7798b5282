import { deferred } from '../../base/deferred.ts';
import type { Station } from './station.ts';

/**
 * Somebody who reads on from something that grows at the engine, for as long as it wants.
 *
 * R1. One call to wake it is on the way at a time, however much happens meanwhile; when it arrives, all that happened is seen.
 * R2. It ends when aborted, or when its member leaves, also while it waits.
 */
export class Reader implements Disposable {
  readonly #station: Station;
  readonly #signal: AbortSignal;
  readonly #look: () => void;
  readonly #end = (): void => this.#news.resolve();
  #isOnItsWay = false;
  #news = deferred<void>();

  /** `look` is called when it hears of the engine: what it sees there is what the reader may know from then on. */
  constructor(station: Station, signal: AbortSignal, look: () => void) {
    this.#station = station;
    this.#signal = signal;
    this.#look = look;
    for (const end of [signal, station.left]) end.addEventListener('abort', this.#end, { once: true });
    this.stir();
  }

  get isOver(): boolean {
    return this.#signal.aborted || this.#station.left.aborted;
  }

  /** There is something new at the engine. */
  stir(): void {
    if (this.#isOnItsWay) return;
    this.#isOnItsWay = true;
    this.#station.delivery.wake(this.#station, () => {
      this.#isOnItsWay = false;
      this.#look();
      this.#news.resolve();
    });
  }

  /** Waits for something to be seen, or the end. Forgets at once what came before, so the caller has to have looked. */
  async wait(): Promise<void> {
    if (this.isOver) return;
    await this.#news.promise;
    this.#news = deferred();
  }

  [Symbol.dispose](): void {
    for (const end of [this.#signal, this.#station.left]) end.removeEventListener('abort', this.#end);
  }
}
