/** Whose an event is: what happens to somebody frozen waits until it thaws, to somebody dead nothing happens. */
export interface Owner {
  readonly id: number;
  life: 'awake' | 'frozen' | 'dead';
  /** What would have happened while it was frozen. */
  held: SimEvent[];
}

interface SimEvent {
  due: number;
  /** Of two due at the same time the one that was planned first happens first. */
  readonly order: number;
  readonly owner: Owner | undefined;
  happen: (() => void) | undefined;
}

/** Steps in a millisecond; a power of two, so that sums of them are exact. */
const STEPS = 8;

/**
 * Time that passes as fast as what happens in it.
 *
 * T1. What is due at one instant happens in the order in which it was planned; then all promises settle; only then time goes on.
 * T2. So if what happens depends on nothing but this time, promises and seeded chance, the same seed gives the same history.
 */
export class Timeline {
  readonly #heap: SimEvent[] = [];
  #moment = 0;
  #planned = 0;
  #happened = 0;
  #history = 0x811c9dc5 | 0;

  /** Milliseconds. */
  get moment(): number {
    return this.#moment;
  }

  /** How much has happened. */
  get happened(): number {
    return this.#happened;
  }

  /** A hash of all that has happened, in its order. */
  get history(): string {
    return (this.#history >>> 0).toString(16).padStart(8, '0');
  }

  /** The result cancels it. */
  plan(ms: number, owner: Owner | undefined, happen: () => void): () => void {
    const due = Math.max(this.#moment, Math.ceil((this.#moment + ms) * STEPS) / STEPS);
    const event: SimEvent = { due, order: this.#planned++, owner, happen };
    this.#push(event);
    return () => {
      event.happen = undefined;
    };
  }

  thaw(owner: Owner): void {
    owner.life = 'awake';
    for (const { happen } of owner.held.splice(0)) if (happen !== undefined) this.plan(0, owner, happen);
  }

  /** The next instant at which something happens, if it is not after `end`. Whether there was one. */
  async step(end: number): Promise<boolean> {
    // Most timers are cancelled before they are due.
    while (this.#heap[0] !== undefined && isVoid(this.#heap[0])) this.#pop();
    const due = this.#heap[0]?.due;
    if (due === undefined || due > end) {
      if (Number.isFinite(end)) this.#moment = Math.max(this.#moment, end);
      return false;
    }
    this.#moment = due;
    while (this.#heap[0]?.due === due) this.#dispatch(this.#pop());
    // All promises have settled when it comes.
    await new Promise<void>((resolve) => setImmediate(resolve));
    return true;
  }

  #dispatch(event: SimEvent): void {
    const { owner, happen } = event;
    if (happen === undefined || isVoid(event)) return;
    if (owner?.life === 'frozen') {
      owner.held.push(event);
      return;
    }
    this.#happened++;
    this.#note(event.due * STEPS);
    this.#note(event.order);
    happen();
  }

  #note(number: number): void {
    this.#history = Math.imul(this.#history ^ (number | 0), 0x01000193) ^ (this.#history >>> 15);
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): SimEvent {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    const { length } = heap;
    if (length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

/** Cancelled, or of somebody dead. */
function isVoid({ happen, owner }: SimEvent): boolean {
  return happen === undefined || owner?.life === 'dead';
}

function isBefore(one: SimEvent, other: SimEvent): boolean {
  return one.due < other.due || (one.due === other.due && one.order < other.order);
}
