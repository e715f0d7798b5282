import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import type { BlobStat, Store } from './store.ts';

/** Who may have what the fast store lacks. */
export interface Holder {
  /** For messages. */
  readonly name: string;
  /** The bytes, from `start` on, by default all of them. They need not be verified: who asks does it. */
  fetch(cid: CID, options: { readonly signal: AbortSignal; readonly start?: number }): AsyncIterable<Uint8Array>;
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

/** Without the first `start` bytes, for a source that cannot begin later. */
export async function* skip(chunks: AsyncIterable<Uint8Array>, start = 0): AsyncGenerator<Uint8Array> {
  let left = start;
  for await (const chunk of chunks) {
    if (left < chunk.length) yield left === 0 ? chunk : chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

/** Whom blobs can be fetched from. */
export interface Source extends Pick<Holder, 'name' | 'fetch'> {
  /** Bytes the blob has, as it says; it is held to that. Default: it was not asked. */
  readonly size?: number;
}

/** Who could not be asked, or gave up on the way, and why. */
export interface Failure {
  readonly name: string;
  readonly error: unknown;
}

export interface Asking {
  /** Told who did not answer. */
  readonly failures: Failure[];
  readonly signal: AbortSignal | undefined;
  /** Names of those that are likely to have it. */
  readonly hints?: readonly string[] | undefined;
}

/** Who knows where blobs are. */
export interface Finder {
  /** Those that have it, or may, as they are found; looks no further when nobody reads on. */
  find(cid: CID, asking: Asking): AsyncIterable<Source>;
  /** `somewhere`: there is one, but its size is not known before it was fetched. */
  stat(cid: CID, asking: Asking): Promise<BlobStat | 'somewhere' | undefined>;
  /** Those that nobody has who answers. */
  missing(cids: readonly CID[], asked: { readonly signal?: AbortSignal | undefined }): Promise<readonly CID[]>;
}

/** Asks all at once. */
export function askEach(holders: () => readonly Holder[] | Promise<readonly Holder[]>): Finder {
  return {
    async *find(cid, asking) {
      const all = await holders();
      // Where there is only one it is not asked whether it has it, but for it.
      if (all.length === 1) yield* all;
      else
        for await (const { holder, stat } of having(cid, all, asking))
          yield { name: holder.name, fetch: (wanted, options) => holder.fetch(wanted, options), size: stat.size };
    },
    async stat(cid, asking) {
      for await (const { stat } of having(cid, await holders(), asking)) return stat;
      return undefined;
    },
    async missing(cids, asked) {
      const answers = (await holders()).map((holder) => holder.missing(cids, asked).catch(() => cids));
      let absent = cids;
      for (const answer of answers) {
        const lacks = new Set((await answer).map(String));
        absent = absent.filter((cid) => lacks.has(cid.toString()));
      }
      return absent;
    },
  };
}

/** Those that the first knows, then those of the next. */
export function inTurn(finders: readonly Finder[]): Finder {
  return {
    async *find(cid, asking) {
      for (const finder of finders) yield* finder.find(cid, asking);
    },
    async stat(cid, asking) {
      for (const finder of finders) {
        const found = await finder.stat(cid, asking);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    async missing(cids, asked) {
      let absent = cids;
      for (const finder of finders) if (absent.length > 0) absent = await finder.missing(absent, asked);
      return absent;
    },
  };
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
