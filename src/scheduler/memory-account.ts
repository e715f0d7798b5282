/**
 * The memory that running tasks said they need, added up over all that runs in one process: runs of its own, and what it does for others.
 *
 * Invariants
 * A1. What was given, and was not given back, is never more than who asks may have of all of it together.
 * A2. Who wished first is served first: what comes free is not taken away by smaller wishes that come later, so a large one is met when what runs now has ended.
 *     What needs no memory never waits.
 * A3. A wish is forgotten when it was not made again between two calls of `recall`: its task may have gone elsewhere. So nothing is kept for nobody.
 */

interface Wish {
  readonly holder: object;
  readonly bytes: number;
  readonly most: number;
  readonly wake: () => void;
  /** It was made since the last `recall`. */
  isFresh: boolean;
}

export class MemoryAccount {
  #used = 0;
  /** In the order in which they were first made; one of a size for each holder. */
  #wishes: Wish[] = [];

  /**
   * What gives the bytes back, once; undefined if they are not free now, or somebody was before: then `wake` is called when they may be. `most`: bytes that all
   * together may have, which is no less than `bytes`.
   */
  take(bytes: number, { holder, most, wake }: Pick<Wish, 'holder' | 'most' | 'wake'>): (() => void) | undefined {
    if (bytes === 0) return () => {};
    const at = this.#wishes.findIndex((wish) => wish.holder === holder && wish.bytes === bytes);
    if (at > 0 || (at < 0 && this.#wishes.length > 0) || this.#used + bytes > most) {
      if (at >= 0) this.#wishes[at]!.isFresh = true;
      else this.#wishes.push({ holder, bytes, most, wake, isFresh: true });
      return undefined;
    }
    if (at === 0) this.#wishes.shift();
    this.#used += bytes;
    this.#wakeFirst();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#used -= bytes;
      this.#wakeFirst();
    };
  }

  /** Whether such a wish would be met now. */
  isFree(bytes: number, most: number): boolean {
    return bytes === 0 || (this.#wishes.length === 0 && this.#used + bytes <= most);
  }

  /** Forgets what this holder did not wish again since it was recalled last. Whether it still wishes anything. */
  recall(holder: object): boolean {
    this.#drop((wish) => wish.holder === holder && !wish.isFresh);
    const left = this.#wishes.filter((wish) => wish.holder === holder);
    for (const wish of left) wish.isFresh = false;
    return left.length > 0;
  }

  /** It wishes nothing any more. */
  forget(holder: object): void {
    this.#drop((wish) => wish.holder === holder);
  }

  #drop(isOver: (wish: Wish) => boolean): void {
    const left = this.#wishes.filter((wish) => !isOver(wish));
    if (left.length === this.#wishes.length) return;
    this.#wishes = left;
    this.#wakeFirst();
  }

  #wakeFirst(): void {
    const [first] = this.#wishes;
    if (first !== undefined && this.#used + first.bytes <= first.most) first.wake();
  }
}
