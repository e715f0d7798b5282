import { backoff } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import { type Deferred, deferred } from '../../../base/deferred.ts';
import type { EventLog, LoggedEvent } from '../../../base/event-log.ts';
import { isDocketError } from '../../../errors.ts';
import type { Journals } from '../../../mesh/mesh.ts';
import { encodeEntry, ENTRY, type JournaledEvent, journalOf, MOST_DATA, type RunEntry } from '../../../protocol/mesh/run-entry.ts';
import type { Lease } from './lease.ts';
import { pause } from './pause.ts';

/**
 * Writes what the log of a run tells to its journal, a batch at a time.
 *
 * Invariants
 * W1. Events are written in order and with the log's numbers; what is left out leaves a hole in them, which readers see.
 * W2. Nothing is written before the lease is certain, again after each cut. (What slips through behind another's first entry is passed over by all readers.)
 * W3. It holds a batch of events: whatever else is waiting stands in the log, which has bounds of its own.
 * W4. The last event, how the run ended, is written when that is settled, and never by a drive that lost its run.
 * W5. Of a run with very many events those of single tasks are left out after `MOST`: a journal has to end somewhere.
 */

export interface JournalWriterOptions {
  readonly journals: Pick<Journals, 'append'>;
  readonly lease: Pick<Lease, 'certain'>;
  readonly clock: Clock;
  readonly run: string;
  readonly log: EventLog;
  /** Number of the last event that was written before. */
  readonly after: number;
  /** Bytes the mesh takes at once. */
  readonly largest: number;
}

/** How long events wait for others, in ms. */
const BATCH = 100;
/** Characters of a run's events. */
const MOST = 16 * 2 ** 20;
const FIRST_WAIT = 200;
/** Of single tasks, except for their failures. */
const SMALL: ReadonlySet<string> = new Set(['started', 'settled', 'slots', 'fetching']);

export class JournalWriter implements AsyncDisposable {
  readonly #options: JournalWriterOptions;
  readonly #stopping = new AbortController();
  readonly #end: Deferred<boolean> = deferred();
  readonly #working: Promise<void>;
  /** Of events that wait to be written. */
  #pending: LoggedEvent[] = [];
  #size = 0;
  #more: Deferred<void> = deferred();
  #room: Deferred<void> = deferred();
  #isRead = false;
  #written: number;
  #total = 0;
  #leftOut = 0;
  #progress: Deferred<void> = deferred();

  constructor(options: JournalWriterOptions) {
    this.#options = options;
    this.#written = options.after;
    this.#working = Promise.all([this.#read(), this.#write()]).then(() => {});
  }

  /** Number of the last event that is written. */
  get written(): number {
    return this.#written;
  }

  /** Resolves when more is written, or nothing more will be: each time it is asked for it is of what comes next. */
  get progress(): Promise<void> {
    return this.#progress.promise;
  }

  /** Whether the last event is to be written; resolves when everything is written. */
  async close(isEnd: boolean): Promise<void> {
    this.#end.resolve(isEnd);
    await this.#working;
  }

  async #read(): Promise<void> {
    const { log, after } = this.#options;
    const { signal } = this.#stopping;
    try {
      for await (const event of log.read(after, signal)) {
        if (isLast(event) && !(await this.#isEnd(signal))) break;
        if (event.kind === 'gap' || this.#isTooMuch(event)) {
          this.#leaveOut(event);
          continue;
        }
        this.#pending.push(event);
        this.#size += event.data.length;
        this.#wake();
        while (this.#size >= ENTRY && !signal.aborted) await this.#room.promise;
        if (isLast(event)) break;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    this.#isRead = true;
    this.#wake();
  }

  /** It counts as written when all before it is. */
  #leaveOut({ seq }: LoggedEvent): void {
    this.#leftOut = seq;
    if (this.#pending.length === 0) this.#advance(seq);
  }

  #advance(seq: number): void {
    this.#written = seq;
    this.#tellProgress();
  }

  #tellProgress(): void {
    this.#progress.resolve();
    this.#progress = deferred();
  }

  async #isEnd(signal: AbortSignal): Promise<boolean> {
    return (await this.#end.promise) && !signal.aborted;
  }

  #isTooMuch({ kind, data }: LoggedEvent): boolean {
    this.#total += data.length;
    return this.#total > MOST && SMALL.has(kind) && !(kind === 'settled' && data.includes('"failed"'));
  }

  async #write(): Promise<void> {
    const { clock, lease } = this.#options;
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted;) {
      if (this.#pending.length === 0) {
        if (this.#isRead) return;
        await this.#more.promise;
        if (this.#pending.length > 0 && !this.#isRead && this.#size < ENTRY) await pause(clock, BATCH, signal);
        continue;
      }
      const epoch = await lease.certain(signal);
      if (epoch === undefined) return this.#giveUp();
      const batch = [...this.#pending];
      try {
        await this.#append(batch, epoch);
        failures = 0;
      } catch (error) {
        if (!isDocketError(error)) throw error;
        await pause(clock, backoff(FIRST_WAIT, ++failures), signal);
        continue;
      }
      this.#pending = this.#pending.slice(batch.length);
      this.#size = this.#pending.reduce((sum, { data }) => sum + data.length, 0);
      const { seq } = batch.at(-1)!;
      this.#advance(this.#pending.length === 0 ? Math.max(seq, this.#leftOut) : seq);
      this.#room.resolve();
      this.#room = deferred();
    }
  }

  /** What was written in part is written again: readers know it by its numbers. */
  async #append(batch: readonly LoggedEvent[], epoch: number): Promise<void> {
    const { journals, run, largest } = this.#options;
    const most = Math.min(ENTRY, largest / 2);
    const entries = [...entriesOf(batch, epoch, most)].map(encodeEntry).filter(({ length }) => length <= largest);
    await journals.append(journalOf(run), entries);
  }

  /** The run is another's, or what drove it is gone. */
  #giveUp(): void {
    this.#stopping.abort();
    this.#room.resolve();
    this.#end.resolve(false);
    this.#tellProgress();
  }

  #wake(): void {
    this.#more.resolve();
    this.#more = deferred();
  }

  /** Writes nothing more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#giveUp();
    this.#wake();
    await this.#working;
  }
}

/** The last thing that is told of a run. */
export function isLast({ kind }: JournaledEvent): boolean {
  return kind === 'ended' || kind === 'broken';
}

function* entriesOf(batch: readonly LoggedEvent[], epoch: number, most: number): Generator<RunEntry> {
  let entry: { first: number; events: JournaledEvent[]; size: number } | undefined;
  for (const event of batch) {
    const { kind, data } = fitting(event, most);
    const size = Buffer.byteLength(data) + kind.length;
    if (entry !== undefined && (entry.size + size > most || entry.first + entry.events.length !== event.seq)) {
      yield { epoch, first: entry.first, events: entry.events };
      entry = undefined;
    }
    entry ??= { first: event.seq, events: [], size: 0 };
    entry.events.push({ kind, data });
    entry.size += size;
  }
  if (entry !== undefined) yield { epoch, first: entry.first, events: entry.events };
}

/** How a run ended is told in any case, if need be without the errors: its tasks tell them. */
function fitting(event: LoggedEvent, most: number): JournaledEvent {
  if (!isLast(event) || (Buffer.byteLength(event.data) <= 2 * most && event.data.length <= MOST_DATA)) return event;
  const {
    errors = [],
    moreErrors = 0,
    ...rest
  } = JSON.parse(event.data) as { readonly errors?: readonly unknown[]; readonly moreErrors?: number };
  return { kind: event.kind, data: JSON.stringify({ ...rest, errors: [], moreErrors: moreErrors + errors.length }) };
}
