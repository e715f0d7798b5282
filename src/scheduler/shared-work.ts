import * as State from './state.ts';
import type { RunContext } from './run-context.ts';

interface SharedWorkSteps {
  /** Looks once more for a result that somebody else may have filed; true if there was one, and the task is settled by it. */
  recheck(task: number): boolean;
  /** A task is ready again, to be looked up like others. */
  check(task: number): void;
  /** `poll` is to be called in the next turn. */
  due(): void;
}

interface Wait {
  readonly key: Uint8Array;
  /** When it ends at the latest, on the monotonic clock. */
  readonly until: number;
}

/** Bounds of the time between two looks whether others are done, in ms. */
const POLL = { first: 25, last: 250 };
/** What a task gets beyond its own time limit, in ms, before others that wait for its result run it themselves. */
const SLACK = 2_000;

/**
 * Work that other commands may want as well: what one of them does the others wait for.
 *
 * Invariants
 * H1. Pure work whose result can be found, and that is no check of what another agent found, is claimed before it is given to a slot, and let go of when its end is committed; a task that is tried
 *     again keeps it, one that has to wait for its inputs again does not.
 * H2. A task that waits for others holds neither claim nor slot, so nobody waits in a circle.
 * H3. Every wait ends: the work is let go of, its holder dies, or the task's own time limit is over, with some slack (only where it
 *     cannot be seen that a holder stands still). Then the task is run here too, which costs time and harms nothing.
 * H4. Work is run only if no result of it was found after it was claimed, or before and nobody let go of it in between.
 */
export class SharedWork {
  readonly #context: RunContext;
  readonly #steps: SharedWorkSteps;
  /** Tasks whose work is claimed here. */
  readonly #held = new Map<number, Uint8Array>();
  readonly #waiting = new Map<number, Wait>();
  /** Tasks that have waited long enough. */
  readonly #overdue = new Set<number>();
  #interval = POLL.first;
  #cancelPoll: (() => void) | undefined;

  constructor(context: RunContext, steps: SharedWorkSteps) {
    this.#context = context;
    this.#steps = steps;
  }

  /** Claims the work of ready tasks; for each, whether it is to be run now. One that is not waits, or was settled by what somebody else filed. */
  claim(tasks: readonly number[]): boolean[] {
    const isShared = tasks.map((task) => this.#isShared(task));
    const shared = tasks.filter((_, i) => isShared[i]);
    if (shared.length === 0) return isShared.map(() => true);
    const ours = this.#context.options.claims.take(shared.map((task) => this.#keyOf(task)));
    let next = 0;
    return tasks.map((task, i) => !isShared[i] || this.#judge(task, ours[next++]!));
  }

  #isShared(task: number): boolean {
    const { lookup, policies, checks } = this.#context;
    return policies.of(task).pure && lookup.isMemoized(task) && !checks().isUnderWay(task);
  }

  #keyOf(task: number): Uint8Array {
    return this.#context.prepared.get(task)!.key.key;
  }

  #judge(task: number, isOurs: boolean): boolean {
    const { claims, forced } = this.#context.options;
    const { key, since } = this.#context.prepared.get(task)!;
    const wasOverdue = this.#overdue.delete(task);
    if (!isOurs && (wasOverdue || forced(task))) return true;
    if (!isOurs) {
      this.#wait(task);
      return false;
    }
    this.#held.set(task, key.key);
    if (!claims.hasChanged(key.key, since) || !this.#steps.recheck(task)) return true;
    this.release(task);
    return false;
  }

  /** Nothing comes of it for now. */
  release(task: number): void {
    const key = this.#held.get(task);
    if (key === undefined) return;
    this.#held.delete(task);
    this.#context.options.claims.drop([key]);
  }

  committed(tasks: readonly number[]): void {
    const { options, outbox, state } = this.#context;
    const keys: Uint8Array[] = [];
    for (const task of tasks) {
      const key = this.#held.get(task);
      if (key === undefined || !State.isSettled(state, task) || outbox.isPending(task)) continue;
      this.#held.delete(task);
      keys.push(key);
    }
    if (keys.length > 0) options.claims.drop(keys);
  }

  #wait(task: number): void {
    const { options, policies, state } = this.#context;
    State.rest(state, task);
    this.#waiting.set(task, { key: this.#keyOf(task), until: options.clock.monotonic() + policies.of(task).limits.time + SLACK });
    this.#pollLater();
  }

  #pollLater(): void {
    this.#cancelPoll ??= this.#context.options.clock.after(this.#interval, () => {
      this.#cancelPoll = undefined;
      this.#steps.due();
    });
  }

  /** Looks whether what others do is done. */
  poll(): void {
    const { options, state } = this.#context;
    const waits = [...this.#waiting];
    const taken = options.claims.areTaken(waits.map(([, { key }]) => key));
    const now = options.clock.monotonic();
    waits.forEach(([task, { until }], i) => {
      if (taken[i] && now < until) return;
      if (taken[i]) this.#overdue.add(task);
      this.#waiting.delete(task);
      State.makeReady(state, task);
      this.#steps.check(task);
    });
    this.#interval = this.#waiting.size < waits.length ? POLL.first : Math.min(this.#interval * 1.5, POLL.last);
    if (this.#waiting.size > 0) this.#pollLater();
  }

  /** Waits for nobody any more. What is claimed here stays so until the command lets go of all. */
  stop(): void {
    this.#waiting.clear();
    this.#cancelPoll?.();
    this.#cancelPoll = undefined;
  }
}
