import type { Clock } from '../base/clock.ts';
import type { Metrics } from './metrics.ts';
import { encode, type Source, type Span } from './span.ts';

/**
 * Sends spans to a collector.
 *
 * Invariants
 * T1. `add` takes no time and never fails: what finds no room is dropped and counted. The last places are for the spans of whole runs, which come last
 *     and hold the others together.
 * T2. One request is under way at most, and no longer than its time-out; what may pass is tried again a few times, and dropped and counted then. Whatever a
 *     collector does, nobody waits for it.
 * T3. Disposing sends what is left for a while, and drops and counts the rest.
 */

/** Where spans go. */
export interface Collector {
  /** Of its door for traces. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const ROOM = 10_000;
const ROOM_FOR_RUNS = 1_000;
const BATCH = 512;
/** How long spans wait for others to be sent with, in ms. */
const DELAY = 1_000;
const TIMEOUT = 10_000;
const ATTEMPTS = 3;
/** Before the second attempt, and three times as long before each one after that, in ms. */
const PAUSE = 500;
/** For what is left at the end, in ms. */
const FLUSH = 5_000;
/** What OTLP says may pass. */
const MAY_PASS: ReadonlySet<number> = new Set([429, 502, 503, 504]);

interface ExporterOptions {
  readonly collector: Collector;
  readonly source: Source;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export class SpanExporter implements AsyncDisposable {
  readonly #options: ExporterOptions;
  readonly #buffer: Span[] = [];
  readonly #stop = new AbortController();
  readonly #exported;
  readonly #dropped;
  #cancelTimer: (() => void) | undefined;
  #sending: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: ExporterOptions) {
    this.#options = options;
    const spans = options.metrics.counter({ name: 'docket_spans_total', help: 'Spans of traces, by what became of them.' });
    this.#exported = spans({ outcome: 'exported' });
    this.#dropped = spans({ outcome: 'dropped' });
  }

  /** `make` is called only if there is room. */
  add(make: () => Span, { isRun = false }: { readonly isRun?: boolean } = {}): void {
    if (this.#isClosed || this.#buffer.length >= (isRun ? ROOM : ROOM - ROOM_FOR_RUNS)) return this.#dropped.add();
    this.#buffer.push(make());
    if (this.#buffer.length >= BATCH) this.#send();
    else this.#cancelTimer ??= this.#options.clock.after(DELAY, () => this.#send());
  }

  #send(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#sending !== undefined || this.#buffer.length === 0) return;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = undefined;
      // What came between the last look and here.
      this.#send();
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#buffer.length > 0) {
      const batch = this.#buffer.splice(0, BATCH);
      ((await this.#deliver(batch)) ? this.#exported : this.#dropped).add(batch.length);
    }
  }

  async #deliver(batch: readonly Span[]): Promise<boolean> {
    const body = encode(batch, this.#options.source);
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#post(body);
      if (answer !== 'later') return answer === 'taken';
      if (attempt === ATTEMPTS || this.#stop.signal.aborted) return false;
      await this.#pause(PAUSE * 3 ** (attempt - 1));
    }
  }

  async #post(body: string): Promise<'taken' | 'refused' | 'later'> {
    const { collector, clock } = this.#options;
    const late = new AbortController();
    const cancel = clock.after(TIMEOUT, () => late.abort());
    try {
      const signal = AbortSignal.any([this.#stop.signal, late.signal]);
      const headers = { ...collector.headers, 'content-type': 'application/json' };
      const reply = await fetch(collector.url, { method: 'POST', headers, body, signal, redirect: 'manual' });
      // What it says is not needed, and may be endless.
      reply.body?.cancel().catch(() => {});
      if (reply.ok) return 'taken';
      return MAY_PASS.has(reply.status) ? 'later' : 'refused';
    } catch {
      return 'later';
    } finally {
      cancel();
    }
  }

  /** Ends at once when there is no more time. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stop;
    const over = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(ms, () => over.resolve());
    const wake = (): void => over.resolve();
    signal.addEventListener('abort', wake, { once: true });
    if (signal.aborted) wake();
    await over.promise;
    cancel();
    signal.removeEventListener('abort', wake);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const cancel = this.#options.clock.after(FLUSH, () => this.#stop.abort());
    this.#send();
    while (this.#sending !== undefined) await this.#sending;
    cancel();
  }
}
