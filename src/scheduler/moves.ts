/** How often a task may be with a member when that is lost, or be lost with it: a task that takes its agents down must not go round the whole mesh. By chance so many
 * hardly ever are: of four agents of which one dies every ten seconds, a task of ten seconds is lost eight times once in 65,000. */
const MOST_LOST = 8;

/**
 * What happened to tasks that is no fault of theirs: they were offered to members that did not take them, or were lost with one. Such attempts have their numbers, and do not count
 * as tries; how often a task was lost is bounded apart from that.
 */
export class Moves {
  readonly #uncounted = new Map<number, number>();
  readonly #lost = new Map<number, number>();

  /** Nothing of it had run. */
  displaced(task: number): void {
    this.#uncounted.set(task, this.uncounted(task) + 1);
  }

  /** It may have been running; whether it may be tried again. */
  lost(task: number): boolean {
    this.displaced(task);
    const lost = this.losses(task) + 1;
    this.#lost.set(task, lost);
    return lost < MOST_LOST;
  }

  losses(task: number): number {
    return this.#lost.get(task) ?? 0;
  }

  /** Attempts that are not tries. */
  uncounted(task: number): number {
    return this.#uncounted.get(task) ?? 0;
  }

  ended(task: number): void {
    if (this.#uncounted.size === 0) return;
    this.#uncounted.delete(task);
    this.#lost.delete(task);
  }
}
