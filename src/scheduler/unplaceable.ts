import type { Clock } from '../base/clock.ts';
import type { TaskKind } from './task-kind.ts';

/** How long a task waits for a place that could run it, if it does not say so itself, in ms. */
const WITHIN = 600_000;
/** Timers count in 31 bits of milliseconds. */
const MOST_TIMER = 2 ** 31 - 1;

interface Aside {
  readonly kind: TaskKind;
  why: string;
  /** With the moment in which each is given up. */
  readonly tasks: Map<number, number>;
  /** The first of these moments, or an earlier one. */
  first: number;
}

/**
 * Tasks that no place there is could run, set aside so that they keep nobody waiting.
 *
 * Their time is what they spend here until they are begun somewhere: it goes on when they were tried in vain in between, and stands still while they wait for a place that is busy.
 */
export class Unplaceable {
  readonly #clock: Clock;
  readonly #due: () => void;
  readonly #aside = new Map<string, Aside>();
  /** Ms for which tasks were set aside, and taken out again, that were not begun since; of those that are aside now, before that. */
  readonly #spent = new Map<number, number>();
  #cancel: (() => void) | undefined;

  readonly #isForGood: boolean;

  /** `due`: `overdue` is to be called. `isForGood`: nobody will ever come who could run them, so nothing is waited for. */
  constructor(clock: Clock, due: () => void, isForGood: boolean) {
    this.#clock = clock;
    this.#due = due;
    this.#isForGood = isForGood;
  }

  get isEmpty(): boolean {
    return this.#aside.size === 0;
  }

  /** Gives those that were not aside before. */
  add(kind: TaskKind, tasks: readonly number[], why: string): number[] {
    const now = this.#clock.monotonic();
    let aside = this.#aside.get(kind.name);
    if (aside === undefined) this.#aside.set(kind.name, (aside = { kind, why, tasks: new Map(), first: Number.POSITIVE_INFINITY }));
    aside.why = why;
    const fresh: number[] = [];
    const within = this.#isForGood ? 0 : withinOf(kind);
    for (const task of tasks) {
      const spent = this.#spent.get(task) ?? 0;
      if (!this.#spent.has(task)) fresh.push(task);
      this.#spent.set(task, spent);
      const until = now + within - spent;
      aside.tasks.set(task, until);
      aside.first = Math.min(aside.first, until);
    }
    this.#watch();
    return fresh;
  }

  /** Takes those out again that `isPlaceable`. */
  release(isPlaceable: (kind: TaskKind) => boolean): { readonly task: number; readonly kind: TaskKind }[] {
    const now = this.#clock.monotonic();
    const released: { task: number; kind: TaskKind }[] = [];
    for (const [name, { kind, tasks }] of this.#aside) {
      if (!isPlaceable(kind)) continue;
      this.#aside.delete(name);
      for (const [task, until] of tasks) {
        this.#spent.set(task, withinOf(kind) - (until - now));
        released.push({ task, kind });
      }
    }
    // A timer keeps the process alive.
    if (released.length > 0) this.#watch();
    return released;
  }

  /** It was begun somewhere: if it is set aside again, its time begins anew. */
  begun(task: number): void {
    this.#spent.delete(task);
  }

  /** Takes those out that have waited long enough. */
  overdue(): { readonly task: number; readonly why: string }[] {
    const now = this.#clock.monotonic();
    const found: { task: number; why: string }[] = [];
    for (const [name, aside] of this.#aside) {
      if (aside.first > now) continue;
      aside.first = Number.POSITIVE_INFINITY;
      for (const [task, until] of aside.tasks) {
        if (until <= now) {
          found.push({ task, why: aside.why });
          aside.tasks.delete(task);
          this.#spent.delete(task);
        } else aside.first = Math.min(aside.first, until);
      }
      if (aside.tasks.size === 0) this.#aside.delete(name);
    }
    this.#watch();
    return found;
  }

  #watch(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const first = Math.min(...[...this.#aside.values()].map((aside) => aside.first));
    if (first === Number.POSITIVE_INFINITY) return;
    this.#cancel = this.#clock.after(Math.min(Math.max(0, first - this.#clock.monotonic()), MOST_TIMER), this.#due);
  }

  clear(): void {
    this.#aside.clear();
    this.#spent.clear();
    this.#watch();
  }
}

export function withinOf({ needs }: TaskKind): number {
  return needs.within ?? WITHIN;
}
