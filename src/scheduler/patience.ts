import type { Clock } from '../base/clock.ts';
import type { Nearer } from './crew.ts';
import type { TaskKind } from './task-kind.ts';

/**
 * Tasks that wait for the one place that has their bytes, while places without them are free.
 *
 * Invariants
 * W1. A task waits once, from when it was first told to, for as long as it was worth then: where it waits may change in that time, when that ends may not. After that it waits
 *     no more until it has begun.
 * W2. While anything waits there is a timer for the first that is over.
 */

/** Tasks of one kind that wait for one place, in the order in which they came: each was the most urgent when it did. */
export interface Queue {
  readonly kind: TaskKind;
  readonly nearer: Nearer;
  readonly tasks: ReadonlySet<number>;
}

interface Kept {
  readonly until: number;
  readonly patience: number;
  name: string;
}

interface Place extends Queue {
  readonly tasks: Set<number>;
  readonly isForHere: boolean;
}

export class Patience {
  readonly #clock: Clock;
  readonly #due: () => void;
  readonly #isForHere: (kind: TaskKind) => boolean;
  readonly #queues = new Map<string, Place>();
  readonly #kept = new Map<number, Kept>();
  /** By how long they wait, of which there are few: so the first of each is over first. */
  readonly #ends = new Map<number, Set<number>>();
  readonly #spent = new Set<number>();
  #here = 0;
  #timer: { readonly at: number; readonly cancel: () => void } | undefined;

  /** `due`: some have waited long enough. `isForHere`: as in `Lines`. */
  constructor(clock: Clock, due: () => void, isForHere: (kind: TaskKind) => boolean) {
    this.#clock = clock;
    this.#due = due;
    this.#isForHere = isForHere;
  }

  /** Tasks that wait. */
  get size(): number {
    return this.#kept.size;
  }

  /** Those of them that this agent itself could run. */
  get here(): number {
    return this.#here;
  }

  /** Whether it may wait. */
  has(task: number): boolean {
    return !this.#spent.has(task);
  }

  /** It waits for another place, if it waited before. */
  keep(task: number, kind: TaskKind, nearer: Nearer): void {
    const name = `${nearer.place} ${kind.name}`;
    let kept = this.#kept.get(task);
    if (kept?.name === name) return;
    if (kept === undefined) {
      const { patience } = nearer;
      this.#kept.set(task, (kept = { until: this.#clock.monotonic() + patience, patience, name }));
      let ends = this.#ends.get(patience);
      if (ends === undefined) this.#ends.set(patience, (ends = new Set()));
      ends.add(task);
    } else {
      this.#unqueue(task, kept);
      kept.name = name;
    }
    let queue = this.#queues.get(name);
    if (queue === undefined) this.#queues.set(name, (queue = { kind, nearer, tasks: new Set(), isForHere: this.#isForHere(kind) }));
    queue.tasks.add(task);
    if (queue.isForHere) this.#here++;
    this.#watch();
  }

  /** What may be taken out while they are gone through. */
  queues(): Iterable<Queue> {
    return this.#queues.values();
  }

  /** It is looked at elsewhere, and waits no more. */
  remove(task: number): void {
    const kept = this.#kept.get(task);
    if (kept === undefined) return;
    this.#kept.delete(task);
    this.#ends.get(kept.patience)!.delete(task);
    this.#unqueue(task, kept);
    this.#spent.add(task);
    if (this.#kept.size === 0) this.#unwatch();
  }

  #unqueue(task: number, { name }: Kept): void {
    const { tasks, isForHere } = this.#queues.get(name)!;
    tasks.delete(task);
    if (isForHere) this.#here--;
    if (tasks.size === 0) this.#queues.delete(name);
  }

  /** Takes those out that have waited long enough. */
  overdue(): { readonly task: number; readonly kind: TaskKind }[] {
    const now = this.#clock.monotonic();
    const over: { task: number; kind: TaskKind }[] = [];
    for (const ends of this.#ends.values()) {
      for (const task of ends) {
        const { until, name } = this.#kept.get(task)!;
        if (until > now) break;
        over.push({ task, kind: this.#queues.get(name)!.kind });
        this.remove(task);
      }
    }
    if (this.#kept.size > 0) this.#watch();
    return over;
  }

  /** It has a place. */
  begun(task: number): void {
    this.#spent.delete(task);
  }

  #watch(): void {
    let first = Number.POSITIVE_INFINITY;
    for (const ends of this.#ends.values()) for (const task of ends.values().take(1)) first = Math.min(first, this.#kept.get(task)!.until);
    if (this.#timer !== undefined && this.#timer.at <= first) return;
    this.#unwatch();
    const cancel = this.#clock.after(Math.max(0, first - this.#clock.monotonic()), () => {
      this.#timer = undefined;
      this.#due();
    });
    this.#timer = { at: first, cancel };
  }

  /** A timer keeps the process alive. */
  #unwatch(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  clear(): void {
    this.#queues.clear();
    this.#here = 0;
    this.#kept.clear();
    this.#ends.clear();
    this.#spent.clear();
    this.#unwatch();
  }
}
