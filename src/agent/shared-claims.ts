import { Releases } from '../base/releases.ts';
import type { WorkClaims } from '../scheduler/work-claims.ts';

/** The claims of one run; disposing lets go of what it still has. */
export interface RunClaims extends WorkClaims, Disposable {}

/** Moments of the home and of this process in one number. */
const PLACES = 2 ** 26;

/**
 * Lets all runs of a process be one claimant in its home: what a claim costs grows with the number of claimants that others have to ask after.
 *
 * Invariants
 * S1. Work has at most one owner among the runs here, and only work that has one is claimed in the home.
 * S2. A run is told of another's work here as of that of another process: it is taken until it is let go of, and then it has changed.
 */
export class SharedClaims implements Disposable {
  readonly #open: () => WorkClaims & Disposable;
  #home: (WorkClaims & Disposable) | undefined;
  readonly #owners = new Map<string, RunClaims>();
  readonly #releases = new Releases();

  /** `open` joins the home, at the first use. */
  constructor(open: () => WorkClaims & Disposable) {
    this.#open = open;
  }

  forRun(): RunClaims {
    const own = new Map<string, Uint8Array>();
    const isTheirs = (key: Uint8Array): boolean => {
      const owner = this.#owners.get(nameOf(key));
      return owner !== undefined && owner !== run;
    };
    const run: RunClaims = {
      now: () => this.#base.now() * PLACES + this.#releases.count,
      hasChanged: (key, since) => {
        return this.#releases.has(nameOf(key), since % PLACES) || this.#base.hasChanged(key, Math.floor(since / PLACES));
      },
      take: (keys) => {
        const free = keys.filter((key) => !isTheirs(key));
        const taken = new Map(this.#base.take(free).map((isOurs, i) => [nameOf(free[i]!), isOurs]));
        for (const key of free) {
          if (taken.get(nameOf(key)) !== true) continue;
          own.set(nameOf(key), key);
          this.#owners.set(nameOf(key), run);
        }
        return keys.map((key) => taken.get(nameOf(key)) === true);
      },
      drop: (keys) => {
        const held = keys.filter((key) => own.delete(nameOf(key)));
        if (held.length === 0) return;
        this.#base.drop(held);
        for (const key of held) this.#let(nameOf(key));
      },
      areTaken: (keys) => {
        const elsewhere = this.#base.areTaken(keys);
        return keys.map((key, i) => isTheirs(key) || elsewhere[i] === true);
      },
      [Symbol.dispose]: () => run.drop([...own.values()]),
    };
    return run;
  }

  get #base(): WorkClaims {
    return (this.#home ??= this.#open());
  }

  #let(name: string): void {
    this.#owners.delete(name);
    this.#releases.note(name);
  }

  [Symbol.dispose](): void {
    this.#home?.[Symbol.dispose]();
    this.#home = undefined;
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
