/** Milliseconds of silence after which it is asked first, and the most between two questions. A takeover may be so much later where a copy fell behind unnoticed. */
const FIRST = 1_000;
const MOST = 8_000;

/** When a reader to whom nothing comes asks whether that is all there is: after a second, then after a longer time each. Times are monotonic, in ms. */
export class Doubt {
  #due: number;
  #wait = FIRST;

  constructor(now: number) {
    this.#due = now + FIRST;
  }

  /** Something came. */
  ease(now: number): void {
    this.#wait = FIRST;
    this.#due = now + FIRST;
  }

  /** Whether it is to ask now; if so, it is not again for a while. */
  isDue(now: number): boolean {
    if (now < this.#due) return false;
    this.#wait = Math.min(2 * this.#wait, MOST);
    this.#due = now + this.#wait;
    return true;
  }
}
