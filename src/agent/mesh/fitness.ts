import type { Clock } from '../../base/clock.ts';

/** Between two looks, in ms. A disk fills in seconds, and beats go out at least so often. */
const EVERY = 1_000;

/** Whether this agent can take work, looked at again and again: one that cannot says that nothing is free, or it would be given what it can file no result of. */
export class Fitness implements Disposable {
  readonly #obstacles: () => Promise<readonly string[]>;
  readonly #clock: Clock;
  #isFit = true;
  #stopLooking: () => void = () => {};

  private constructor(clock: Clock, obstacles: () => Promise<readonly string[]>) {
    this.#clock = clock;
    this.#obstacles = obstacles;
  }

  /** `obstacles`: why it can take no work; nothing if it can. Resolves when that was looked at once. */
  static async watch(clock: Clock, obstacles: () => Promise<readonly string[]>): Promise<Fitness> {
    const fitness = new Fitness(clock, obstacles);
    await fitness.#look();
    return fitness;
  }

  get isFit(): boolean {
    return this.#isFit;
  }

  async #look(): Promise<void> {
    let isOver = false;
    this.#stopLooking = () => (isOver = true);
    // What cannot be looked at says nothing.
    const found = await this.#obstacles().catch(() => []);
    this.#isFit = found.length === 0;
    if (!isOver) this.#stopLooking = this.#clock.after(EVERY, () => void this.#look());
  }

  [Symbol.dispose](): void {
    this.#stopLooking();
  }
}
