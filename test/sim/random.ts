/** Numbers that look random and are the same for the same seed: sfc32 (PractRand), seeded by one number. */
export class Random {
  #a: number;
  #b = 0x9e3779b9 | 0;
  #c = 0x243f6a88 | 0;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    for (let round = 0; round < 12; round++) this.#next();
  }

  /** From 0 to 1, without 1. */
  fraction(): number {
    return (this.#next() >>> 0) / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + this.fraction() * (high - low);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** From 0 to `count` - 1. */
  index(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.index(items.length)]!;
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum;
  }
}
