import { LimitReached } from '../files/budget.ts';
import type { Toll } from '../metering/toll.ts';
import { trap } from './trap.ts';

/** What values cost the host beside the bytes that guests have of them, bytes of JavaScript's memory: each value, */
export const VALUE_WEIGHT = 64;
/** and a string or list with contents of its own. */
export const SEQUENCE_WEIGHT = 512;

/**
 * Bytes that the values taken out of guests may weigh at a time: a list of many elements at one address, or a type with many parts, makes much of little memory.
 */
const MOST_LIFTED = 128 << 20;

/** What weighs less is gone soon by itself: V8 collects the small and young all the time. */
const LARGE = 64 << 10;

/** Names of fields, cases and flags are one string for all values, and are written out for each: what is encoded takes several times its size while it grows. */
export function weightOfNames(names: readonly string[]): number {
  return names.reduce((sum, name) => sum + 4 * name.length, 0);
}

export interface Weight {
  /** Bytes. */
  readonly weight: number;
  /** Values, as few as they can be as IPLD. */
  readonly items: number;
}

/** Weighs the values that one task passes, so that the host holds no more of them than it can bear, and has its work with them paid. */
export class Meter {
  readonly #toll: Toll;
  #lifted = 0;
  #items = 0;
  #mostItems = Infinity;
  #large = 0;

  constructor(toll: Toll) {
    this.#toll = toll;
  }

  /** What those weigh that were taken out and not released. No value is larger than it weighs, in bytes as DAG-CBOR. */
  get lifted(): number {
    return this.#lifted;
  }

  /** What is held of values that were passed: those that were not released, put in too where they are large. */
  get held(): number {
    return this.#lifted + this.#large;
  }

  /** Before values are taken out. */
  lift(weight: number, items = 0): void {
    this.#lifted += weight;
    this.#items += items;
    if (this.#lifted > MOST_LIFTED) throw trap(`the component passed more than ${MOST_LIFTED} bytes at a time`);
    if (this.#items > this.#mostItems) throw new LimitReached('limit/output', `the function returned more than ${this.#mostItems} values`);
    this.#passed(weight);
  }

  /** Before values are put in: their bytes are the guest's to bound. */
  lowered(weight: number): void {
    this.#passed(weight);
  }

  #passed(weight: number): void {
    if (weight >= LARGE) this.#large += weight;
    this.#toll.bytes(weight);
  }

  /** Takes out no more than so many values. */
  within<T>(most: number, take: () => T): T {
    this.#items = 0;
    this.#mostItems = most;
    const taken = take();
    this.#mostItems = Infinity;
    return taken;
  }

  /** Down to what it was before a call whose values are not needed any more. Gives what of them is large, in bytes. */
  release(lifted: number): number {
    this.#lifted = lifted;
    const large = this.#large;
    this.#large = 0;
    return large;
  }
}
