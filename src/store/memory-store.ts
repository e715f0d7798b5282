import { hash } from 'node:crypto';
import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { abortable } from './abortable.ts';
import { blobCid, digestHex } from './digest.ts';
import { missing } from './failures.ts';
import { byteRange, checkExpected, checkLimit } from './requests.ts';
import type { BlobStat, GetOptions, PutOptions, Store } from './store.ts';

const CHUNK = 64 * 1024;

/** Blobs in memory: for tests and for embedding without a home. Verified at every read like any other store. */
export class MemoryStore implements Store {
  readonly #blobs: Map<string, Uint8Array>;

  /** `blobs` is used as it is, by lower-case hex SHA2-256; it is the store's from now on. */
  constructor(blobs: Map<string, Uint8Array> = new Map()) {
    this.#blobs = blobs;
  }

  async put(source: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<{ cid: CID; size: number }> {
    options.signal?.throwIfAborted();
    const bytes = source instanceof Uint8Array ? new Uint8Array(source) : await gather(abortable(source, options.signal));
    const hex = hash('sha256', bytes);
    checkExpected(options.expect, hex);
    this.#blobs.set(hex, bytes);
    return { cid: blobCid(hex), size: bytes.length };
  }

  async *get(cid: CID, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    options.signal?.throwIfAborted();
    const bytes = this.#verified(digestHex(cid));
    const { start, end } = byteRange(options, bytes.length);
    for (let at = start; at < end; at += CHUNK) {
      options.signal?.throwIfAborted();
      yield new Uint8Array(bytes.subarray(at, Math.min(at + CHUNK, end)));
    }
  }

  async read(cid: CID, options: { readonly limit?: number } = {}): Promise<Uint8Array> {
    const bytes = this.#verified(digestHex(cid));
    checkLimit(cid, bytes.length, options.limit);
    return new Uint8Array(bytes);
  }

  async stat(cid: CID): Promise<BlobStat | undefined> {
    const bytes = this.#blobs.get(digestHex(cid));
    return bytes === undefined ? undefined : { size: bytes.length };
  }

  async missing(cids: readonly CID[]): Promise<CID[]> {
    return cids.filter((cid) => !this.#blobs.has(digestHex(cid)));
  }

  async *list(): AsyncGenerator<{ cid: CID; size: number }> {
    for (const [hex, bytes] of [...this.#blobs]) yield { cid: blobCid(hex), size: bytes.length };
  }

  async delete(cid: CID): Promise<void> {
    this.#blobs.delete(digestHex(cid));
  }

  async *verify(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<{ cid: CID; ok: boolean; size: number }> {
    for (const [hex, bytes] of [...this.#blobs]) {
      options.signal?.throwIfAborted();
      const ok = hash('sha256', bytes) === hex;
      if (!ok) this.#blobs.delete(hex);
      yield { cid: blobCid(hex), ok, size: bytes.length };
    }
  }

  #verified(hex: string): Uint8Array {
    const bytes = this.#blobs.get(hex);
    if (bytes === undefined) throw missing(hex);
    if (hash('sha256', bytes) === hex) return bytes;
    this.#blobs.delete(hex);
    throw new DocketError('BLOB_DAMAGED', `the stored bytes of ${blobCid(hex)} do not match it`);
  }
}

async function gather(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  // Copied at once: a source may use its buffer again for the next chunk.
  for await (const chunk of source) chunks.push(new Uint8Array(chunk));
  return new Uint8Array(Buffer.concat(chunks));
}
