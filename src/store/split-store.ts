import { hash } from 'node:crypto';
import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { abortable } from './abortable.ts';
import { blobCid, digestHex } from './digest.ts';
import { byteRange, checkExpected, checkLimit } from './requests.ts';
import type { BlobStat, GetOptions, PutOptions, Store } from './store.ts';

/** Up to this many bytes a blob counts as small: it travels inline and lies in the ledger, not in a file of its own. */
export const SMALL_BLOB = 4096;

/**
 * Where small blobs lie, by lower-case hex SHA2-256. Verified by who reads; `get` may also give nothing for damaged bytes it knows of. What it
 * gives is durable.
 */
export interface SmallBlobs {
  get(hex: string): Uint8Array | undefined;
  /** Durable when it resolves; a digest already held gets these bytes. */
  put(blobs: ReadonlyMap<string, Uint8Array>): Promise<void>;
  /** Absent ones are no error. */
  delete(hexes: Iterable<string>): Promise<void>;
  list(): Iterable<{ readonly digest: string; readonly size: number }>;
  /** Whether there are bytes under this digest that do not match it. */
  isDamaged(hex: string): boolean;
}

/** Small blobs in one place, larger ones in another; reads look in both, since a slot process may file a small one on disk. */
export class SplitStore implements Store {
  readonly #small: SmallBlobs;
  readonly #large: Store;

  constructor(small: SmallBlobs, large: Store) {
    this.#small = small;
    this.#large = large;
  }

  async put(source: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<{ cid: CID; size: number }> {
    options.signal?.throwIfAborted();
    if (source instanceof Uint8Array)
      return source.length <= SMALL_BLOB ? this.#putSmall(source, options) : this.#large.put(source, options);
    const iterator = abortable(source, options.signal);
    const head = await takeSmall(iterator);
    return head.ended ? this.#putSmall(head.bytes, options) : this.#large.put(resume(head.bytes, iterator), options);
  }

  async *get(cid: CID, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    options.signal?.throwIfAborted();
    const bytes = await this.#getSmall(digestHex(cid));
    if (bytes === undefined) return yield* this.#large.get(cid, options);
    const { start, end } = byteRange(options, bytes.length);
    if (start < end) yield new Uint8Array(bytes.subarray(start, end));
  }

  async read(cid: CID, options: { readonly limit?: number } = {}): Promise<Uint8Array> {
    const bytes = await this.#getSmall(digestHex(cid));
    if (bytes === undefined) return this.#large.read(cid, options);
    checkLimit(cid, bytes.length, options.limit);
    return new Uint8Array(bytes);
  }

  async stat(cid: CID): Promise<BlobStat | undefined> {
    // The cheaper question first. A small blob may lie in both, and one in the ledger is verified by being looked at.
    const large = await this.#large.stat(cid);
    if (large !== undefined && large.size > SMALL_BLOB) return large;
    const bytes = this.#small.get(digestHex(cid));
    return bytes === undefined ? large : { size: bytes.length };
  }

  async missing(cids: readonly CID[]): Promise<CID[]> {
    return this.#large.missing(cids.filter((cid) => this.#small.get(digestHex(cid)) === undefined));
  }

  async *list(): AsyncGenerator<{ cid: CID; size: number }> {
    for (const { digest, size } of this.#small.list()) yield { cid: blobCid(digest), size };
    for await (const blob of this.#large.list()) if (this.#small.get(digestHex(blob.cid)) === undefined) yield blob;
  }

  async delete(cid: CID): Promise<void> {
    await this.#small.delete([digestHex(cid)]);
    await this.#large.delete(cid);
  }

  async *verify(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<{ cid: CID; ok: boolean; size: number }> {
    // Taken down first: damaged ones are deleted on the way.
    for (const { digest, size } of [...this.#small.list()]) {
      options.signal?.throwIfAborted();
      const bytes = this.#small.get(digest);
      const ok = bytes !== undefined && hash('sha256', bytes) === digest;
      // Where nothing can be written it stays, and is told of all the same.
      if (!ok) await this.#small.delete([digest]).catch(() => undefined);
      yield { cid: blobCid(digest), ok, size };
    }
    for await (const found of this.#large.verify(options)) {
      if (this.#small.get(digestHex(found.cid)) === undefined) yield found;
    }
  }

  async #putSmall(bytes: Uint8Array, options: PutOptions): Promise<{ cid: CID; size: number }> {
    const hex = hash('sha256', bytes);
    checkExpected(options.expect, hex);
    const held = this.#small.get(hex);
    // What can be read back is durable already; putting it again would cost every cached run a commit.
    if (held === undefined || Buffer.compare(held, bytes) !== 0) await this.#small.put(new Map([[hex, new Uint8Array(bytes)]]));
    return { cid: blobCid(hex), size: bytes.length };
  }

  /** Verified bytes, or undefined if only the other store can have them. */
  async #getSmall(hex: string): Promise<Uint8Array | undefined> {
    const bytes = this.#small.get(hex);
    if (bytes !== undefined && hash('sha256', bytes) === hex) return bytes;
    if (!this.#small.isDamaged(hex)) return undefined;
    // Where nothing can be written it stays, and is no less damaged.
    await this.#small.delete([hex]).catch(() => undefined);
    if ((await this.#large.stat(blobCid(hex))) !== undefined) return undefined;
    throw new DocketError('BLOB_DAMAGED', `the stored bytes of ${blobCid(hex)} do not match it`);
  }
}

/** Takes chunks until the source ends or the bytes are no longer small. */
async function takeSmall(source: AsyncIterator<Uint8Array>): Promise<{ readonly ended: boolean; readonly bytes: Uint8Array }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size <= SMALL_BLOB) {
    const next = await source.next();
    if (next.done === true) return { ended: true, bytes: Buffer.concat(chunks) };
    chunks.push(new Uint8Array(next.value));
    size += next.value.length;
  }
  return { ended: false, bytes: Buffer.concat(chunks) };
}

async function* resume(head: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  yield* rest;
}
