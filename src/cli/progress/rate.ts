/** How far back the rate looks, in ms. */
const WINDOW = 10_000;

/** Tasks per second of late. The mean since the start would let a burst of cached tasks promise an early end for the rest. */
export class Rate {
  readonly #samples: { readonly at: number; readonly count: number }[] = [];

  /** `count` were done at `at` (ms). Times never go back. */
  note(at: number, count: number): void {
    this.#samples.push({ at, count });
    while (this.#samples.length > 2 && this.#samples[1]!.at <= at - WINDOW) this.#samples.shift();
  }

  /** 0 until something was done. */
  get perSecond(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.at <= first.at) return 0;
    return Math.max(0, ((last.count - first.count) * 1000) / (last.at - first.at));
  }
}
