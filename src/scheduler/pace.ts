/** A job expected to be shorter than this (ms) may be queued behind another in its slot. */
const SHORT = 10;

/** Learns how long the tasks of a group take, as a moving average. */
export class Pace {
  readonly #means = new Map<string, number>();
  readonly #earlier: (task: number) => number | undefined;

  /** `earlier`: what earlier runs measured of a task, in ms. */
  constructor(earlier: (task: number) => number | undefined) {
    this.#earlier = earlier;
  }

  learn(group: string, wall: number): void {
    const mean = this.#means.get(group);
    this.#means.set(group, mean === undefined ? wall : mean + (wall - mean) / 8);
  }

  isShort(task: number, group: string): boolean {
    return (this.#means.get(group) ?? this.#earlier(task) ?? Number.POSITIVE_INFINITY) < SHORT;
  }
}
