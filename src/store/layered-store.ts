import { DocketError, isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { digestHex } from './digest.ts';
import { missing } from './failures.ts';
import type { BlobStat, GetOptions, PutOptions, Store } from './store.ts';

/**
 * A fast store in front of slow ones that hold more.
 *
 * Invariants
 * 1. The fast store alone is written to, listed and checked; nothing is ever removed elsewhere.
 * 2. What is asked for and not in it is fetched from the first holder that gives it whole, and kept: reads come out of the fast store, which verifies them. So
 *    what a holder gives need not be verified by it as well; bytes that do not match are not kept, and the next holder is asked.
 * 3. Gets of one blob that wait at the same time share one fetch. It ends when nobody waits for it any more.
 * 4. A blob is called missing only if every holder said so. If one could not be asked, or gave up on the way, the error is `BLOB_UNREACHABLE`, which names
 *    each and why.
 * 5. A copy of the fast store that is damaged counts as missing there. If nobody has another, what is told is the damage.
 */

/** Who may have what the fast store lacks. */
export interface Holder {
  /** For messages. */
  readonly name: string;
  /** The bytes, all of them. They need not be verified: who asks does it. */
  fetch(cid: CID, options: { readonly signal: AbortSignal }): AsyncIterable<Uint8Array>;
  stat(cid: CID, options: { readonly signal?: AbortSignal | undefined }): Promise<BlobStat | undefined>;
  missing(cids: readonly CID[], options: { readonly signal?: AbortSignal | undefined }): Promise<CID[]>;
}

/** A store as a holder. */
export function holderOf(name: string, store: Store): Holder {
  return {
    name,
    fetch: (cid, options) => store.get(cid, options),
    stat: (cid, { signal }) => store.stat(cid, signal === undefined ? {} : { signal }),
    missing: (cids) => store.missing(cids),
  };
}

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
  readonly #holders: () => readonly Holder[] | Promise<readonly Holder[]>;
  /** By digest. */
  readonly #fetches = new Map<string, Fetch>();

  /** `holders`: whom to ask, in this order; asked for anew at each fetch, since who is there changes. */
  constructor(fast: Store, holders: () => readonly Holder[] | Promise<readonly Holder[]>) {
    this.#fast = fast;
    this.#holders = holders;
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

  /** Makes sure that the fast store has it. Throws `BLOB_MISSING`, `BLOB_DAMAGED`, `BLOB_UNREACHABLE`. */
  async bring(cid: CID, { signal }: Asked = {}): Promise<void> {
    if ((await this.#fast.stat(cid)) === undefined) await this.#bring(cid, missing(digestHex(cid)), signal);
  }

  /** Throws `BLOB_UNREACHABLE` if nobody who answers has it and not all answer. */
  async stat(cid: CID, asked: Asked = {}): Promise<BlobStat | undefined> {
    const here = await this.#fast.stat(cid);
    if (here !== undefined) return here;
    const { signal } = asked;
    signal?.throwIfAborted();
    const failures: Failure[] = [];
    for await (const { stat } of having(cid, await this.#holders(), { failures, signal })) return stat;
    signal?.throwIfAborted();
    if (failures.length > 0) throw unreachable(cid, failures);
    return undefined;
  }

  /** A holder that does not answer has none of them: who asks wants to know what has to be sent, and one thing sent too many does no harm. */
  async missing(cids: readonly CID[], asked: Asked = {}): Promise<CID[]> {
    let absent = await this.#fast.missing(cids);
    if (absent.length === 0) return absent;
    const wanted = absent;
    const answers = (await this.#holders()).map((holder) => holder.missing(wanted, asked).catch(() => wanted));
    for (const answer of answers) {
      const lacks = new Set((await answer).map(String));
      absent = absent.filter((cid) => lacks.has(cid.toString()));
    }
    asked.signal?.throwIfAborted();
    return absent;
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

  async #bring(cid: CID, here: unknown, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const hex = digestHex(cid);
    let fetch = this.#fetches.get(hex);
    if (fetch === undefined) {
      const stop = new AbortController();
      fetch = { stop, waiting: 0, done: this.#fetch(cid, here, stop.signal).finally(() => this.#forget(hex, stop)) };
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

  async #fetch(cid: CID, here: unknown, signal: AbortSignal): Promise<void> {
    const failures: Failure[] = [];
    const holders = await this.#holders();
    // Where there is only one it is not asked whether it has it, but for it.
    const asked = holders.length === 1 ? holders.map((holder) => ({ holder })) : having(cid, holders, { failures, signal });
    for await (const { holder } of asked) {
      const source = new Watched(holder.fetch(cid, { signal }));
      try {
        await this.#fast.put(source, { expect: cid, signal });
        return;
      } catch (error) {
        signal.throwIfAborted();
        // Where nothing can be kept the next holder is of no use either.
        if (source.failure === undefined && !isDocketError(error, 'BLOB_MISMATCH')) throw error;
        if (!isDocketError(error, 'BLOB_MISSING')) failures.push({ name: holder.name, error });
      }
    }
    signal.throwIfAborted();
    throw failures.length > 0 ? unreachable(cid, failures) : here;
  }
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

interface Asking {
  /** Told who did not answer. */
  readonly failures: Failure[];
  readonly signal: AbortSignal | undefined;
}

/** Asks all at once and gives those that have it, whoever answers first; who is slow keeps nobody waiting. */
async function* having(
  cid: CID,
  holders: readonly Holder[],
  { failures, signal }: Asking,
): AsyncGenerator<{ readonly holder: Holder; readonly stat: BlobStat }> {
  const enough = new AbortController();
  const until = signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]);
  const ask = async (holder: Holder): Promise<{ readonly holder: Holder; readonly stat: BlobStat | undefined }> => {
    try {
      return { holder, stat: await holder.stat(cid, { signal: until }) };
    } catch (error) {
      failures.push({ name: holder.name, error });
      return { holder, stat: undefined };
    }
  };
  const pending = new Map(holders.map((holder) => [holder, ask(holder)]));
  try {
    while (pending.size > 0) {
      const { holder, stat } = await Promise.race(pending.values());
      pending.delete(holder);
      if (stat !== undefined) yield { holder, stat };
    }
  } finally {
    enough.abort(new DocketError('CANCELLED', 'somebody else has it'));
  }
}

interface Failure {
  readonly name: string;
  readonly error: unknown;
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
