import { type Clock, systemClock } from '../base/clock.ts';
import { DocketError, isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { digestHex } from './digest.ts';
import { missing } from './failures.ts';
import { fetchHeldTo } from './held-to.ts';
import { askEach, type Failure, type Finder, type Holder, type Source } from './holders.ts';
import { Relay } from './relay.ts';
import type { BlobStat, GetOptions, PutOptions, Store } from './store.ts';

/**
 * A fast store in front of slow ones that hold more.
 *
 * Invariants
 * 1. The fast store alone is written to, listed and checked; nothing is ever removed elsewhere.
 * 2. What is asked for and not in it is fetched, and kept: reads come out of the fast store, which verifies them. So what a holder gives need not be verified by it as
 *    well; bytes that do not match are not kept, and the next holder is asked. Where one breaks off the next goes on (`relay.ts`).
 * 3. Gets of one blob that wait at the same time share one fetch. It ends when nobody waits for it any more.
 * 4. A blob is called missing only if every holder said so. If one could not be asked, or gave up on the way, the error is `BLOB_UNREACHABLE`, which names
 *    each and why.
 * 5. A copy of the fast store that is damaged counts as missing there. If nobody has another, what is told is the damage.
 */

interface Asked {
  readonly signal?: AbortSignal;
}

interface Fetch {
  readonly done: Promise<void>;
  readonly stop: AbortController;
  waiting: number;
}

export class LayeredStore implements Store {
  readonly #fast: Store;
  readonly #finder: Finder;
  readonly #clock: Clock;
  /** By digest. */
  readonly #fetches = new Map<string, Fetch>();

  /** `holders`: whom to ask, in this order, asked for anew at each fetch, since who is there changes; or who knows whom to ask. */
  constructor(fast: Store, holders: Finder | (() => readonly Holder[] | Promise<readonly Holder[]>), clock: Clock = systemClock) {
    this.#fast = fast;
    this.#clock = clock;
    this.#finder = typeof holders === 'function' ? askEach(holders) : holders;
  }

  put(source: Uint8Array | AsyncIterable<Uint8Array>, options?: PutOptions): Promise<{ cid: CID; size: number }> {
    return this.#fast.put(source, options);
  }

  async *get(cid: CID, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    const { signal } = options;
    let isGiven = false;
    try {
      for await (const chunk of this.#fast.get(cid, options)) {
        isGiven = true;
        yield chunk;
      }
      return;
    } catch (error) {
      if (isGiven || !isGone(error)) throw error;
      await this.#bring(cid, error, signal);
    }
    yield* this.#fast.get(cid, options);
  }

  async read(cid: CID, options: Asked & { readonly limit?: number } = {}): Promise<Uint8Array> {
    try {
      return await this.#fast.read(cid, options);
    } catch (error) {
      if (!isGone(error)) throw error;
      await this.#bring(cid, error, options.signal);
      return await this.#fast.read(cid, options);
    }
  }

  /**
   * Makes sure that the fast store has it. `hints`: names of holders that are likely to have it; who joins a fetch that is under way waits for that. Throws
   * `BLOB_MISSING`, `BLOB_DAMAGED`, `BLOB_UNREACHABLE`.
   */
  async bring(cid: CID, { signal, hints }: Asked & { readonly hints?: readonly string[] | undefined } = {}): Promise<void> {
    if ((await this.#fast.stat(cid)) === undefined) await this.#bring(cid, missing(digestHex(cid)), signal, hints);
  }

  /** Throws `BLOB_UNREACHABLE` if nobody who answers has it and not all answer. */
  async stat(cid: CID, asked: Asked = {}): Promise<BlobStat | undefined> {
    const here = await this.#fast.stat(cid);
    if (here !== undefined) return here;
    const { signal } = asked;
    signal?.throwIfAborted();
    const failures: Failure[] = [];
    const found = await this.#finder.stat(cid, { failures, signal });
    signal?.throwIfAborted();
    if (found === 'somewhere') {
      await this.bring(cid, asked);
      return await this.#fast.stat(cid);
    }
    if (found === undefined && failures.length > 0) throw unreachable(cid, failures);
    return found;
  }

  /** A holder that does not answer has none of them: who asks wants to know what has to be sent, and one thing sent too many does no harm. */
  async missing(cids: readonly CID[], asked: Asked = {}): Promise<CID[]> {
    const wanted = await this.#fast.missing(cids);
    if (wanted.length === 0) return wanted;
    const absent = await this.#finder.missing(wanted, asked);
    asked.signal?.throwIfAborted();
    return [...absent];
  }

  list(): AsyncIterable<{ readonly cid: CID; readonly size: number }> {
    return this.#fast.list();
  }

  delete(cid: CID): Promise<void> {
    return this.#fast.delete(cid);
  }

  verify(options: Asked = {}): AsyncIterable<{ readonly cid: CID; readonly ok: boolean; readonly size: number }> {
    return this.#fast.verify(options);
  }

  async #bring(cid: CID, here: unknown, signal: AbortSignal | undefined, hints?: readonly string[]): Promise<void> {
    signal?.throwIfAborted();
    const hex = digestHex(cid);
    let fetch = this.#fetches.get(hex);
    if (fetch === undefined) {
      const stop = new AbortController();
      fetch = { stop, waiting: 0, done: this.#fetch(cid, here, { signal: stop.signal, hints }).finally(() => this.#forget(hex, stop)) };
      // Those who wait are told; there may be none left.
      fetch.done.catch(() => undefined);
      this.#fetches.set(hex, fetch);
    }
    fetch.waiting++;
    try {
      await orAborted(fetch.done, signal);
    } finally {
      fetch.waiting--;
      if (fetch.waiting === 0) {
        // Whoever comes next must not join a fetch that is being stopped.
        this.#forget(hex, fetch.stop);
        fetch.stop.abort(new DocketError('CANCELLED', `nobody waits for ${cid} any more`));
      }
    }
  }

  #forget(hex: string, stop: AbortController): void {
    if (this.#fetches.get(hex)?.stop === stop) this.#fetches.delete(hex);
  }

  async #fetch(cid: CID, here: unknown, { signal, hints }: Fetching): Promise<void> {
    const failures: Failure[] = [];
    const enough = new AbortController();
    const found = this.#finder.find(cid, { failures, signal: AbortSignal.any([signal, enough.signal]), hints });
    const relay = new Relay(cid, found, { signal, clock: this.#clock, failures });
    try {
      for (;;) {
        const reading = relay.read();
        const error = await this.#keep(cid, reading, () => reading.end !== 'reading', signal);
        if (error === undefined) return;
        const { givers } = reading;
        // One of them gave something else, or more than there is: each is asked for all of it.
        if (givers.length > 1) for (const giver of givers) if (await this.#fetchAlone(cid, giver, failures, signal)) return;
        if (reading.end === 'nobody') break;
        if (givers.length === 1) failures.push({ name: givers[0]!.name, error });
      }
    } finally {
      enough.abort(new DocketError('CANCELLED', 'nobody is looked for any more'));
      relay.close();
    }
    signal.throwIfAborted();
    throw failures.length > 0 ? unreachable(cid, failures) : here;
  }

  async #fetchAlone(cid: CID, source: Source, failures: Failure[], signal: AbortSignal): Promise<boolean> {
    const watched = new Watched(fetchHeldTo(source, cid, { signal, clock: this.#clock }));
    const error = await this.#keep(cid, watched, () => watched.failure !== undefined, signal);
    if (error === undefined) return true;
    if (!isDocketError(error, 'BLOB_MISSING')) failures.push({ name: source.name, error });
    return false;
  }

  /** Why it was not kept, if that is not the fault of this store: where nothing can be kept the next holder is of no use either. */
  async #keep(cid: CID, source: AsyncIterable<Uint8Array>, isTheirs: () => boolean, signal: AbortSignal): Promise<unknown> {
    try {
      await this.#fast.put(source, { expect: cid, signal });
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (!isTheirs() && !isDocketError(error, 'BLOB_MISMATCH')) throw error;
      return error;
    }
  }
}

interface Fetching {
  readonly signal: AbortSignal;
  readonly hints: readonly string[] | undefined;
}

/** A source that remembers whether it was it that failed. */
class Watched implements AsyncIterable<Uint8Array> {
  failure: { readonly error: unknown } | undefined;
  readonly #source: AsyncIterable<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#source) yield chunk;
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }
}

/** The fast store lacks it; anything else that it throws is a fault of its own. */
function isGone(error: unknown): boolean {
  return isDocketError(error, 'BLOB_MISSING') || isDocketError(error, 'BLOB_DAMAGED');
}

function unreachable(cid: CID, failures: readonly Failure[]): DocketError {
  const why = failures.map(({ name, error }) => `${name}: ${error instanceof Error ? error.message : String(error)}`);
  return new DocketError('BLOB_UNREACHABLE', `nobody who answered has ${cid}, and not all answered: ${why.join('; ')}`, {
    details: { holders: failures.map(({ name, error }) => ({ name, code: isDocketError(error) ? error.code : 'INTERNAL' })) },
  });
}

async function orAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await promise;
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
