import type { Clock } from '../../base/clock.ts';
import { isDocketError } from '../../errors.ts';
import type { WorkClaims } from '../../scheduler/work-claims.ts';
import { nameOfBytes } from '../../scheduler/name-of-bytes.ts';
import type { Attempt } from './host-attempt.ts';

interface Steps {
  /** Somebody else may have filed its result: it is to be looked for once more. True if there was one, and that is its end. */
  recheck(attempt: Attempt): boolean;
  /** It has waited for others, and is to be run, if nothing is found. */
  again(attempt: Attempt): void;
  /** One more waits for others. */
  joined(): void;
}

const NONE: readonly boolean[] = [];

/** Bounds of the time between two looks whether others are done, in ms. */
const POLL = { first: 25, last: 250 };
/** What a task gets beyond its own time limit, in ms, before those that wait for its result run it themselves. */
const SLACK = 2_000;

/**
 * Work that is wanted by more than one: by several runs of others, or by commands on this home too. As `SharedWork` does for the tasks of one run.
 *
 * Invariants
 * H1. Pure work whose result can be found is claimed before it is given to a slot, and let go of when its receipt is committed, or none will come.
 * H2. An attempt that waits for others holds neither claim nor slot, so nobody waits in a circle.
 * H3. Every wait ends: the work is let go of, its holder dies, or the task's own time limit is over, with some slack. Then it is run here too.
 * H4. Work is run only if no result of it was found after it was claimed, or before and nobody let go of it in between.
 * H5. A claim saves work and guards nothing: where claims cannot be written (a full disk), work is run without.
 */
export class HostClaims implements Disposable {
  readonly #claims: WorkClaims;
  readonly #clock: Clock;
  readonly #steps: Steps;
  /** By the name of the key. */
  readonly #held = new Map<string, Attempt>();
  /** With the moment when they have waited long enough. */
  readonly #waiting = new Map<Attempt, number>();
  readonly #overdue = new WeakSet<Attempt>();
  #interval = POLL.first;
  #cancelPoll: (() => void) | undefined;

  constructor(claims: WorkClaims, clock: Clock, steps: Steps) {
    this.#claims = claims;
    this.#clock = clock;
    this.#steps = steps;
  }

  now(): number {
    return orElse(() => this.#claims.now(), 0);
  }

  /** For each, whether it is to be run now. One that is not is joined to whoever does it, or has its end. */
  claim(attempts: readonly Attempt[]): boolean[] {
    const asked: Attempt[] = [];
    const isOurs = new Set<Attempt>();
    for (const attempt of attempts) {
      if (!isShared(attempt)) isOurs.add(attempt);
      else if (!this.#held.has(nameOf(attempt))) {
        // Of two in one boarding the first is asked for.
        this.#held.set(nameOf(attempt), attempt);
        asked.push(attempt);
      }
    }
    const keys = asked.map(({ key }) => key.key);
    const taken = keys.length === 0 ? [] : orElse(() => this.#claims.take(keys), NONE);
    asked.forEach((attempt, i) => {
      // What could not be claimed is run all the same.
      if (taken === NONE || taken[i] === true) isOurs.add(attempt);
      else this.#held.delete(nameOf(attempt));
    });
    return attempts.map((attempt) => this.#judge(attempt, isOurs.has(attempt)));
  }

  #judge(attempt: Attempt, isOurs: boolean): boolean {
    const wasOverdue = this.#overdue.delete(attempt);
    if (isOurs) {
      if (
        !isShared(attempt) ||
        !orElse(() => this.#claims.hasChanged(attempt.key.key, attempt.since), true) ||
        !this.#steps.recheck(attempt)
      )
        return true;
      this.release(attempt);
      return false;
    }
    if (wasOverdue || attempt.offered.isForced) return true;
    attempt.stage = { tag: 'joined' };
    this.#steps.joined();
    this.#waiting.set(attempt, this.#clock.monotonic() + attempt.policy.limits.time + SLACK);
    this.#pollIn(this.#interval);
    return false;
  }

  /** Its result is committed, or it is not run after all. */
  release(attempt: Attempt): void {
    this.#waiting.delete(attempt);
    if (this.#held.get(nameOf(attempt)) !== attempt) return;
    this.#held.delete(nameOf(attempt));
    orElse(() => this.#claims.drop([attempt.key.key]), undefined);
    // Who waits for it here need not wait for the next look.
    if (this.#waiting.size > 0) {
      this.#cancelPoll?.();
      this.#cancelPoll = undefined;
      this.#pollIn(0);
    }
  }

  #pollIn(ms: number): void {
    this.#cancelPoll ??= this.#clock.after(ms, () => {
      this.#cancelPoll = undefined;
      this.#poll();
    });
  }

  #poll(): void {
    const waits = [...this.#waiting];
    const keys = waits.map(([{ key }]) => key.key);
    const taken = orElse(() => this.#claims.areTaken(keys), NONE);
    const now = this.#clock.monotonic();
    waits.forEach(([attempt, until], i) => {
      if (!this.#waiting.has(attempt)) return;
      const isTaken = taken[i] === true || this.#held.has(nameOf(attempt));
      if (isTaken && now < until) return;
      if (isTaken) this.#overdue.add(attempt);
      this.#waiting.delete(attempt);
      attempt.since = this.now();
      if (!this.#steps.recheck(attempt)) this.#steps.again(attempt);
    });
    this.#interval = this.#waiting.size < waits.length ? POLL.first : Math.min(this.#interval * 1.5, POLL.last);
    if (this.#waiting.size > 0) this.#pollIn(this.#interval);
  }

  [Symbol.dispose](): void {
    this.#cancelPoll?.();
    this.#waiting.clear();
  }
}

function orElse<T>(ask: () => T, otherwise: T): T {
  try {
    return ask();
  } catch (error) {
    if (isDocketError(error)) return otherwise;
    throw error;
  }
}

function isShared({ work, index, policy }: Attempt): boolean {
  return policy.pure && work.lookup.isMemoized(index);
}

function nameOf({ key }: Attempt): string {
  return nameOfBytes(key.key);
}
