/** What can wait in such a queue. */
export interface Waiting {
  /** The higher, the earlier. */
  readonly priority: number;
}

interface Place<T> {
  readonly item: T;
  /** Of those with the same priority, who came first leaves first. */
  readonly turn: number;
  at: number;
}

/** A binary max-heap by priority, out of which anything can be taken: what was withdrawn holds no room. */
export class WaitingQueue<T extends Waiting> {
  readonly #heap: Place<T>[] = [];
  readonly #places = new Map<T, Place<T>>();
  #turns = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Once for each item. */
  push(item: T): void {
    this.#insert({ item, turn: this.#turns++, at: 0 });
  }

  /** Takes one out that is there; what is given back puts it in again, before those that came after it. */
  setAside(item: T): () => void {
    const place = this.#places.get(item)!;
    this.delete(item);
    return () => this.#insert(place);
  }

  #insert(place: Place<T>): void {
    place.at = this.#heap.length;
    this.#places.set(place.item, place);
    this.#heap.push(place);
    this.#rise(place);
  }

  peek(): T | undefined {
    return this.#heap[0]?.item;
  }

  pop(): T | undefined {
    const top = this.peek();
    if (top !== undefined) this.delete(top);
    return top;
  }

  /** Whether it was there. */
  delete(item: T): boolean {
    const place = this.#places.get(item);
    if (place === undefined) return false;
    this.#places.delete(item);
    const last = this.#heap.pop()!;
    if (last === place) return true;
    this.#put(last, place.at);
    this.#rise(last);
    this.#sink(last);
    return true;
  }

  clear(): void {
    this.#heap.length = 0;
    this.#places.clear();
  }

  #rise(place: Place<T>): void {
    while (place.at > 0) {
      const parent = this.#heap[(place.at - 1) >> 1]!;
      if (!isBefore(place, parent)) return;
      this.#swap(place, parent);
    }
  }

  #sink(place: Place<T>): void {
    for (;;) {
      const left = this.#heap[2 * place.at + 1];
      const right = this.#heap[2 * place.at + 2];
      const child = right !== undefined && isBefore(right, left!) ? right : left;
      if (child === undefined || !isBefore(child, place)) return;
      this.#swap(place, child);
    }
  }

  #swap(a: Place<T>, b: Place<T>): void {
    const { at } = a;
    this.#put(a, b.at);
    this.#put(b, at);
  }

  #put(place: Place<T>, at: number): void {
    place.at = at;
    this.#heap[at] = place;
  }
}

function isBefore<T extends Waiting>(a: Place<T>, b: Place<T>): boolean {
  const difference = a.item.priority - b.item.priority;
  return difference > 0 || (difference === 0 && a.turn < b.turn);
}
