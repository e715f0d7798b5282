/** A job expected to be shorter than this (ms) may be queued behind another in its slot. */
const SHORT = 10;
/** Milliseconds of expected work in a slot's line: a runner of very short jobs never waits for us, and little waits behind one that turns out long. */
const LINE = 4;
const MOST = 32;

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

  /** How many jobs like this one may be in a slot's line, the one that runs included. */
  depth(task: number, group: string): number {
    const expected = this.#means.get(group) ?? this.#earlier(task) ?? Number.POSITIVE_INFINITY;
    return expected < SHORT ? Math.min(Math.max(2, Math.ceil(LINE / expected)), MOST) : 1;
  }
}
