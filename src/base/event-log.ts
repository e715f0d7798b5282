import { deferred, type Deferred } from './deferred.ts';

/** Something that happened, as it is told to others. */
export interface LoggedEvent {
  /** Counts from 1. */
  readonly seq: number;
  readonly kind: string;
  /** JSON, made once however many read it. */
  readonly data: string;
}

/** Events kept for those who come late or read slowly. */
const KEPT = 10_000;

/**
 * What happened in something that has an end, for any number of readers.
 *
 * Invariants
 * E1. Readers hold no events of their own: they read on from a number, so a slow one costs no memory.
 * E2. The oldest events are forgotten. Who reads from before them is given `gap` first, and then what is there: nothing is left out unsaid.
 * E3. Every reader ends: when the log is closed and read to its end, or by its signal.
 */
export class EventLog {
  readonly #kept: number;
  readonly #events: LoggedEvent[] = [];
  /** How many were forgotten. */
  #forgotten = 0;
  #closed = false;
  #more: Deferred<void> = deferred();

  /** `kept`: events kept at least, default 10,000. */
  constructor({ kept = KEPT }: { readonly kept?: number } = {}) {
    this.#kept = kept;
  }

  add(kind: string, data: unknown): void {
    this.#events.push({ seq: this.#last + 1, kind, data: JSON.stringify(data) });
    // A batch at a time, since cutting the head off moves all the others.
    if (this.#events.length >= 2 * this.#kept) {
      this.#events.splice(0, this.#kept);
      this.#forgotten += this.#kept;
    }
    this.#wake();
  }

  /** There will be no more. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** What came after event number `after`, and what comes, until the log is closed. Throws the signal's reason. */
  async *read(after: number, signal: AbortSignal): AsyncGenerator<LoggedEvent> {
    const stop = deferred<never>();
    stop.promise.catch(() => {});
    const abort = (): void => stop.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      // A number larger than any there is comes from an earlier life of the agent, in which others happened: all is told then.
      let next = after > this.#last ? 1 : after + 1;
      for (;;) {
        if (next <= this.#forgotten) {
          yield { seq: this.#forgotten, kind: 'gap', data: JSON.stringify({ missed: this.#forgotten - next + 1 }) };
          next = this.#forgotten + 1;
        }
        const event = this.#events[next - this.#forgotten - 1];
        if (event !== undefined) {
          next++;
          yield event;
          signal.throwIfAborted();
        } else if (this.#closed) return;
        else await Promise.race([this.#more.promise, stop.promise]);
      }
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  get #last(): number {
    return this.#forgotten + this.#events.length;
  }

  #wake(): void {
    this.#more.resolve();
    this.#more = deferred();
  }
}
