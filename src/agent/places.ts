import { DocketError } from '../errors.ts';

/** How many of a kind go on at a time. Whoever comes when all places are taken is refused and not queued: a caller knows better how long to wait, and for whom. */
export class Places {
  readonly #most: number;
  readonly #kind: 'runs' | 'jobs';
  #taken = 0;

  constructor(kind: 'runs' | 'jobs', most: number) {
    this.#kind = kind;
    this.#most = most;
  }

  /** Throws `AGENT_FULL`. */
  check(): void {
    if (this.#taken < this.#most) return;
    throw new DocketError('AGENT_FULL', `the agent has ${this.#taken} ${this.#kind} under way and takes no more at a time`, {
      details: { retryAfter: RETRY_AFTER },
    });
  }

  /** A place until it is disposed of. Throws `AGENT_FULL`. */
  take(): Disposable {
    this.check();
    return this.seize();
  }

  /** A place even if there is none: for what must go on. */
  seize(): Disposable {
    this.#taken++;
    let isTaken = true;
    return {
      [Symbol.dispose]: () => {
        if (isTaken) this.#taken--;
        isTaken = false;
      },
    };
  }
}

/** Nobody knows when a run ends. In seconds. */
const RETRY_AFTER = 5;
