/** Thrown when a guest goes over a limit that ends its task. The guest never sees it as an errno. */
export class LimitReached extends Error {
  readonly code: 'limit/output';

  constructor(code: 'limit/output', message: string) {
    super(message);
    this.name = 'LimitReached';
    this.code = code;
  }
}

/**
 * The bytes a task holds on the host: stdout, stderr, files it made or changed (at their full size, holes included, so that
 * a sparse file of a terabyte is refused and not hashed later), directory entries and link targets it made.
 * Bytes given up (a file removed or made shorter) may be used again; `peak` is what the receipt reports.
 */
export class Budget {
  readonly limit: number;
  #held = 0;
  #peak = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get held(): number {
    return this.#held;
  }

  get peak(): number {
    return this.#peak;
  }

  /** Throws `LimitReached` and charges nothing if `bytes` more would go over the limit. */
  charge(bytes: number): void {
    const held = this.#held + bytes;
    if (held > this.limit) throw new LimitReached('limit/output', `the task wrote more than ${this.limit} bytes`);
    this.#held = held;
    if (held > this.#peak) this.#peak = held;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}

/** What one directory entry a guest makes costs beside its name: an empty file is not free for the host. */
export const ENTRY_COST = 1024;
