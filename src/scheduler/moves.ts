/** How often a task may be with a member when that is lost, or be lost with it: a task that takes its agents down must not go round the whole mesh. By chance so many
 * hardly ever are: of four agents of which one dies every ten seconds, a task of ten seconds is lost eight times once in 65,000. */
const MOST_LOST = 8;

/** How often a task may be offered to members that are there, not busy, and do not take it. Members that do so are suspended, each for longer and longer: of a good task it is once
 * or twice. */
const MOST_UNTAKEN = 32;

/**
 * What happened to tasks that is no fault of theirs: they were offered to members that did not take them, or were lost with one. Such attempts have their numbers, and do not count
 * as tries; how often a task was lost, or ignored, is bounded apart from that.
 */
export class Moves {
  readonly #uncounted = new Map<number, number>();
  readonly #lost = new Map<number, number>();
  readonly #untaken = new Map<number, number>();

  /** Nothing of it had run. */
  displaced(task: number): void {
    this.#uncounted.set(task, this.uncounted(task) + 1);
  }

  /** It was offered to one that did not take it, for no reason; whether it may be offered again. */
  untaken(task: number): boolean {
    const untaken = (this.#untaken.get(task) ?? 0) + 1;
    this.#untaken.set(task, untaken);
    return untaken < MOST_UNTAKEN;
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
    this.#untaken.delete(task);
  }
}
