import { ReadyQueue } from './ready-queue.ts';

/** Look-ups per turn, so that ends and cancellations are heard in between. */
const BATCH = 256;
/** Tasks named by their resolved key and not yet given away, after which no more are named: each holds its input and its key. */
const AHEAD = 1024;

/** Tasks to be looked up: wanted ones by their declared key, in the order they were wanted; ready ones by their resolved key, the most urgent first. */
export class Agenda {
  #wanted: number[] = [];
  /** How many of `#wanted` were taken; shifting them out would make a run of a million tasks take quadratic time. */
  #taken = 0;
  readonly #ready: ReadyQueue;

  constructor(priority: Float64Array) {
    this.#ready = new ReadyQueue(priority);
  }

  want(task: number): void {
    this.#wanted.push(task);
  }

  ready(task: number): void {
    this.#ready.push(task);
  }

  /** The next batch of wanted tasks, repeats included. */
  takeWanted(): number[] {
    const batch = this.#wanted.slice(this.#taken, this.#taken + BATCH);
    this.#taken += batch.length;
    if (this.#taken === this.#wanted.length) this.#forgetWanted();
    return batch;
  }

  /** The next batch of ready tasks, repeats included; none while `waiting` tasks wait for slots, if those are many. */
  takeReady(waiting: number): number[] {
    const batch: number[] = [];
    if (waiting >= AHEAD) return batch;
    for (let task = this.#ready.pop(); task !== undefined; task = this.#ready.pop()) if (batch.push(task) === BATCH) break;
    return batch;
  }

  /** Whether a turn would take something. */
  hasWork(waiting: number): boolean {
    return this.#wanted.length > 0 || (this.#ready.size > 0 && waiting < AHEAD);
  }

  /** Whether the most urgent task may not be known yet. Slots are kept waiting for that only so long. */
  isEarly(waiting: number): boolean {
    return waiting < BATCH && this.hasWork(waiting);
  }

  clear(): void {
    this.#forgetWanted();
    this.#ready.clear();
  }

  #forgetWanted(): void {
    this.#wanted = [];
    this.#taken = 0;
  }
}
