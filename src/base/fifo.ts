/** A queue that gives its items in batches. Taking costs what is taken, however long the queue. */
export class Fifo<Item> {
  #items: Item[] = [];
  #next = 0;

  get isEmpty(): boolean {
    return this.#next === this.#items.length;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** At most `count` items, oldest first. */
  take(count: number): Item[] {
    const taken = this.#items.slice(this.#next, this.#next + count);
    this.#next += taken.length;
    if (this.isEmpty) this.clear();
    return taken;
  }

  clear(): void {
    this.#items = [];
    this.#next = 0;
  }
}
