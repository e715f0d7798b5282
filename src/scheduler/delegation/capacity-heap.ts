/**
 * Things by how much of something each has left: whoever has most is found at once, and a change costs the logarithm of how many there are. Those that
 * have the same come in no order.
 */
export class CapacityHeap<Item> {
  readonly #items: Item[] = [];
  readonly #left: number[] = [];
  readonly #places = new Map<Item, number>();

  get size(): number {
    return this.#items.length;
  }

  has(item: Item): boolean {
    return this.#places.has(item);
  }

  /** All of them, in no order. */
  items(): Iterable<Item> {
    return this.#items;
  }

  /** What it has left; undefined if it is not in here. */
  leftOf(item: Item): number | undefined {
    const place = this.#places.get(item);
    return place === undefined ? undefined : this.#left[place];
  }

  /** Who has most. */
  top(): { readonly item: Item; readonly left: number } | undefined {
    return this.#items.length === 0 ? undefined : { item: this.#items[0]!, left: this.#left[0]! };
  }

  /** Puts it in, or changes what it has left. */
  set(item: Item, left: number): void {
    let place = this.#places.get(item);
    if (place === undefined) {
      place = this.#items.length;
      this.#items.push(item);
      this.#left.push(left);
      this.#places.set(item, place);
    } else if (this.#left[place] === left) return;
    else this.#left[place] = left;
    this.#settle(place);
  }

  delete(item: Item): void {
    const place = this.#places.get(item);
    if (place === undefined) return;
    this.#places.delete(item);
    const last = this.#items.pop()!;
    const left = this.#left.pop()!;
    if (last === item) return;
    this.#put(place, last, left);
    this.#settle(place);
  }

  #settle(at: number): void {
    const item = this.#items[at]!;
    const left = this.#left[at]!;
    let place = at;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#left[parent]! >= left) break;
      this.#put(place, this.#items[parent]!, this.#left[parent]!);
      place = parent;
    }
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#items.length) break;
      if (child + 1 < this.#items.length && this.#left[child + 1]! > this.#left[child]!) child++;
      if (this.#left[child]! <= left) break;
      this.#put(place, this.#items[child]!, this.#left[child]!);
      place = child;
    }
    this.#put(place, item, left);
  }

  #put(place: number, item: Item, left: number): void {
    this.#items[place] = item;
    this.#left[place] = left;
    this.#places.set(item, place);
  }
}
