import type { Clock } from '../base/clock.ts';
import { DocketError, isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { fetchHeldTo } from './held-to.ts';
import type { Failure, Source } from './holders.ts';

/**
 * One blob out of several hands: where one breaks off the next goes on.
 *
 * Invariants
 * R1. Bytes come in order, each once; nobody is asked for what came already.
 * R2. Whose first byte takes long is not waited for alone: each `LONG` ms the next is asked too, and the one that begins first is read. What somebody says of a blob's
 *     size buys him no time.
 * R3. One who was cut off in the middle is asked once more, since the line may be at fault, and then the next.
 * R4. That the bytes are the blob is not known before the last came. Which of several hands gave a wrong one cannot be told: all of them are named then (`givers`).
 * R5. Who gives more than it said there is, or hardly anything, is left (`held-to.ts`).
 * R6. Whoever is not read any more is ended, and whoever stops reading ends all.
 */

const LONG = 5_000;

interface Terms {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Told who failed, and why. */
  readonly failures: Failure[];
}

/** One that was asked, and has not begun to give. */
interface Racer {
  readonly source: Source;
  readonly stop: AbortController;
  readonly chunks: AsyncIterator<Uint8Array>;
}

type Event =
  | { readonly kind: 'found'; readonly source: Source | undefined }
  | { readonly kind: 'lost'; readonly failure: unknown }
  | { readonly kind: 'began'; readonly racer: Racer; readonly first: IteratorResult<Uint8Array> }
  | { readonly kind: 'failed'; readonly racer: Racer; readonly error: unknown }
  | { readonly kind: 'long' };

/** Those who have the blob, asked one after the other. Each `read` begins at the first byte, with those who were not asked yet. */
export class Relay {
  readonly #cid: CID;
  readonly #found: AsyncIterator<Source>;
  readonly #terms: Terms;
  #looking: Promise<Event> | undefined;
  #isOver = false;

  constructor(cid: CID, found: AsyncIterable<Source>, terms: Terms) {
    this.#cid = cid;
    this.#found = found[Symbol.asyncIterator]();
    this.#terms = terms;
  }

  read(): Reading {
    const reading: Open = { givers: [], end: 'reading' };
    const chunks = this.#read(reading);
    return Object.assign(reading, { [Symbol.asyncIterator]: () => chunks });
  }

  /** Ends the search; what is asked at the moment ends by its own signal. */
  close(): void {
    this.#isOver = true;
    void this.#found.return?.().then(undefined, () => undefined);
  }

  async *#read(reading: Open): AsyncGenerator<Uint8Array> {
    const { failures } = this.#terms;
    let offset = 0;
    const again: Source[] = [];
    for (;;) {
      const begun = await this.#begin(offset, again, reading.givers);
      if (begun === undefined) {
        reading.end = 'nobody';
        throw new DocketError('BLOB_MISSING', `nobody who is left gives ${this.#cid}`);
      }
      const { racer, first } = begun;
      const { source, stop, chunks } = racer;
      const isNew = !reading.givers.includes(source);
      if (isNew) reading.givers.push(source);
      try {
        for (let next = first; next.done !== true; next = await chunks.next()) {
          offset += next.value.length;
          yield next.value;
        }
        reading.end = 'whole';
        return;
      } catch (error) {
        this.#terms.signal.throwIfAborted();
        if (isNew && isDocketError(error, 'AGENT_UNREACHABLE')) again.push(source);
        else if (!isDocketError(error, 'BLOB_MISSING')) failures.push({ name: source.name, error });
      } finally {
        end({ stop, chunks });
      }
    }
  }

  /** Whoever gives first what stands at `offset`. */
  async #begin(
    offset: number,
    again: Source[],
    givers: Source[],
  ): Promise<{ readonly racer: Racer; readonly first: IteratorResult<Uint8Array> } | undefined> {
    const { signal, clock, failures } = this.#terms;
    const racers = new Map<Racer, Promise<Event>>();
    let long: { readonly event: Promise<Event>; readonly cancel: () => void } | undefined;
    const wait = (): void => {
      const over = Promise.withResolvers<Event>();
      long?.cancel();
      long = { event: over.promise, cancel: clock.after(LONG, () => over.resolve({ kind: 'long' })) };
    };
    const ask = (source: Source): void => {
      const stop = new AbortController();
      const chunks = fetchHeldTo(source, this.#cid, { signal: AbortSignal.any([signal, stop.signal]), start: offset, clock });
      const racer: Racer = { source, stop, chunks };
      racers.set(
        racer,
        chunks.next().then(
          (first): Event => ({ kind: 'began', racer, first }),
          (error: unknown): Event => ({ kind: 'failed', racer, error }),
        ),
      );
      wait();
    };
    const next = (): void => {
      const source = again.shift();
      if (source !== undefined) ask(source);
      else if (!this.#isOver) this.#looking ??= this.#look();
    };
    try {
      next();
      for (;;) {
        signal.throwIfAborted();
        const events = [
          ...racers.values(),
          ...(this.#looking === undefined ? [] : [this.#looking]),
          ...(racers.size === 0 || long === undefined ? [] : [long.event]),
        ];
        if (events.length === 0) return undefined;
        const event = await Promise.race(events);
        signal.throwIfAborted();
        switch (event.kind) {
          case 'found':
            this.#looking = undefined;
            if (event.source === undefined) this.#isOver = true;
            else ask(event.source);
            break;
          case 'lost':
            throw event.failure;
          case 'long':
            long = undefined;
            next();
            break;
          case 'failed':
            racers.delete(event.racer);
            end(event.racer);
            // What came before may have been too much: it is to be asked for all of it.
            if (offset > 0 && !givers.includes(event.racer.source)) givers.push(event.racer.source);
            if (!isDocketError(event.error, 'BLOB_MISSING')) failures.push({ name: event.racer.source.name, error: event.error });
            if (racers.size === 0) next();
            break;
          case 'began':
            racers.delete(event.racer);
            return { racer: event.racer, first: event.first };
        }
      }
    } finally {
      long?.cancel();
      // They may give later what this one breaks off before.
      for (const racer of racers.keys()) {
        end(racer);
        again.push(racer.source);
      }
    }
  }

  #look(): Promise<Event> {
    return this.#found.next().then(
      ({ done, value }): Event => ({ kind: 'found', source: done === true ? undefined : value }),
      (failure: unknown): Event => ({ kind: 'lost', failure }),
    );
  }
}

interface Open {
  readonly givers: Source[];
  end: 'reading' | 'whole' | 'nobody';
}

export interface Reading extends AsyncIterable<Uint8Array> {
  /** Who gave some of it, or was asked for what comes behind what another gave. */
  readonly givers: readonly Source[];
  /** `nobody`: it broke off, and nobody is left. */
  readonly end: 'reading' | 'whole' | 'nobody';
}

/** Not waited for: it may take as long as it likes. */
function end({ stop, chunks }: Pick<Racer, 'stop' | 'chunks'>): void {
  stop.abort(new DocketError('CANCELLED', 'somebody else gives it'));
  void chunks.return?.().then(undefined, () => undefined);
}
