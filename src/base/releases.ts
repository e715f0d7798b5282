/** Releases that are told apart; of older ones it is only known that there were some. */
const REMEMBERED = 4096;

/** What was let go of lately, and in which order. */
export class Releases {
  #count = 0;
  /** At which release a name was let go of, for the latest. */
  readonly #last = new Map<string, number>();
  /** Up to which release that is not remembered. */
  #forgotten = 0;

  /** A moment: how many there were. */
  get count(): number {
    return this.#count;
  }

  note(name: string): void {
    this.#last.delete(name);
    this.#last.set(name, ++this.#count);
    if (this.#last.size <= REMEMBERED) return;
    const [oldest, at] = this.#last.entries().next().value!;
    this.#last.delete(oldest);
    this.#forgotten = at;
  }

  /** Whether this may have been let go of since then. */
  has(name: string, since: number): boolean {
    return since < this.#forgotten || (this.#last.get(name) ?? 0) > since;
  }

  /** From now on nothing is known of what was before. */
  forget(): void {
    this.#last.clear();
    this.#forgotten = ++this.#count;
  }
}
