/** A job expected to be shorter than this (ms) may be queued behind another in its slot. */
const SHORT = 10;
/** Milliseconds of expected work in a slot's line: a runner of very short jobs never waits for us, and little waits behind one that turns out long. */
const LINE = 4;
/** Enough for what the shortest take while a turn of ours is under way that handles messages of others as well. */
const MOST = 128;
/** The same for slots of other agents: an end takes a commit there and two messages to be known here, and the next job as many. */
const AWAY = { short: 1_000, line: 50, most: 256 };

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
    const expected = this.#expected(task, group);
    return expected < SHORT ? Math.min(Math.max(2, Math.ceil(LINE / expected)), MOST) : 1;
  }

  /** The same for the line of a slot elsewhere. */
  depthAway(task: number, group: string): number {
    const expected = this.#expected(task, group);
    return expected < AWAY.short ? Math.min(Math.max(2, Math.ceil(AWAY.line / expected)), AWAY.most) : 1;
  }

  /** How many such tasks a slot begins in so many milliseconds; undefined if nothing is known of them. */
  within(ms: number, task: number, group: string): number | undefined {
    const expected = this.#expected(task, group);
    return expected === Number.POSITIVE_INFINITY ? undefined : ms / expected;
  }

  #expected(task: number, group: string): number {
    return this.#means.get(group) ?? this.#earlier(task) ?? Number.POSITIVE_INFINITY;
  }
}
