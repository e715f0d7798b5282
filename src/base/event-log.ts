/** Something that happened, as it is told to others. */
export interface LoggedEvent {
  /** Counts from 1, or goes on where an earlier log ended. */
  readonly seq: number;
  readonly kind: string;
  /** JSON, made once however many read it. */
  readonly data: string;
}

/** Events kept for those who come late or read slowly. */
const KEPT = 10_000;
/** Characters of them; ten thousand short ones take a fifth. */
const MOST_CHARACTERS = 4 * 2 ** 20;

/**
 * What happened in something that has an end, for any number of readers.
 *
 * Invariants
 * E1. Readers hold no events of their own: they read on from a number, so a slow one costs no memory.
 * E2. The oldest events are forgotten. Who reads from before them is given `gap` first, and then what is there: nothing is left out unsaid.
 * E3. However many events there are and however long, only so many characters are kept; the newest event is, whatever its length.
 * E4. Every reader ends: when the log is closed and read to its end, or by its signal.
 */
export class EventLog {
  readonly #kept: number;
  readonly #most: number;
  readonly #events: LoggedEvent[] = [];
  /** How many were forgotten, those before the first included. */
  #forgotten: number;
  #size = 0;
  #closed = false;
  /** Readers that have read all there is. */
  #waiting: (() => void)[] = [];

  /** `kept`: events kept at least, default 10,000, if they have no more than `characters`, default 4 Mi. `after`: number of the last event before the first, default 0. */
  constructor({
    kept = KEPT,
    characters = MOST_CHARACTERS,
    after = 0,
  }: { readonly kept?: number; readonly characters?: number; readonly after?: number } = {}) {
    this.#kept = kept;
    this.#most = characters;
    this.#forgotten = after;
  }

  /** Characters of all that is kept. */
  get size(): number {
    return this.#size;
  }

  /** Number of the newest event. */
  get last(): number {
    return this.#forgotten + this.#events.length;
  }

  add(kind: string, data: unknown): void {
    const event = { seq: this.last + 1, kind, data: JSON.stringify(data) };
    this.#events.push(event);
    this.#size += event.data.length;
    // A batch at a time, since cutting the head off moves all the others.
    if (this.#events.length >= 2 * this.#kept) this.#forget(this.#kept);
    else if (this.#size > this.#most) this.#forget(this.#excess());
    this.#wake();
  }

  /** How many of the oldest events go so that the others have half the room. */
  #excess(): number {
    let left = this.#size;
    let count = 0;
    for (; count < this.#events.length - 1 && left > this.#most / 2; count++) left -= this.#events[count]!.data.length;
    return count;
  }

  #forget(count: number): void {
    for (const { data } of this.#events.splice(0, count)) this.#size -= data.length;
    this.#forgotten += count;
  }

  /** There will be no more. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** What came after event number `after`, and what comes, until the log is closed. Throws the signal's reason. */
  async *read(after: number, signal: AbortSignal): AsyncGenerator<LoggedEvent> {
    let wake = (): void => {};
    const abort = (): void => wake();
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      // A number larger than any there is comes from an earlier life of the agent, in which others happened: all is told then.
      let next = after > this.last ? 1 : after + 1;
      for (;;) {
        if (next <= this.#forgotten) {
          yield { seq: this.#forgotten, kind: 'gap', data: JSON.stringify({ missed: this.#forgotten - next + 1 }) };
          next = this.#forgotten + 1;
        }
        const event = this.#events[next - this.#forgotten - 1];
        if (event !== undefined) {
          next++;
          yield event;
        } else if (this.#closed) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
            this.#waiting.push(resolve);
          });
        signal.throwIfAborted();
      }
    } finally {
      signal.removeEventListener('abort', abort);
      // Nothing may come for long.
      this.#waiting = this.#waiting.filter((one) => one !== wake);
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
