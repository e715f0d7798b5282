import { type Deferred, deferred } from '../base/deferred.ts';
import * as Cid from '../ipld/cid.ts';
import { Sha256, sha256 } from '../ipld/hash.ts';
import { checkExpected } from '../store/requests.ts';
import type { PutOptions, Rereadable, Store } from '../store/store.ts';
import { digestHex } from '../store/digest.ts';

/**
 * A store far away, to which only what it lacks is sent: bytes are hashed here first. A source that can be read once only (a pipe) is sent as it comes.
 *
 * Invariants
 * 1. What was asked for in one turn of the event loop is asked in one request.
 * 2. A blob counts as there only if the store said so after it was asked for here.
 */
export class UploadStore implements Store {
  readonly #far: Store;
  #waiting: { readonly cid: Cid.CID; readonly isThere: Deferred<boolean> }[] = [];

  constructor(far: Store) {
    this.#far = far;
    this.get = far.get.bind(far);
    this.read = far.read.bind(far);
    this.stat = far.stat.bind(far);
    this.missing = far.missing.bind(far);
    this.list = far.list.bind(far);
    this.delete = far.delete.bind(far);
    this.verify = far.verify.bind(far);
  }

  readonly get: Store['get'];
  readonly read: Store['read'];
  readonly stat: Store['stat'];
  readonly missing: Store['missing'];
  readonly list: Store['list'];
  readonly delete: Store['delete'];
  readonly verify: Store['verify'];

  async put(source: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<{ cid: Cid.CID; size: number }> {
    const { expect, signal } = options;
    if (!(source instanceof Uint8Array) && !isRereadable(source)) return await this.#far.put(source, options);
    const { cid, size } = source instanceof Uint8Array ? named(source) : await hashed(source, signal);
    checkExpected(expect, digestHex(cid));
    if (!(await this.#has(cid))) await this.#far.put(source, { ...options, expect: cid });
    return { cid, size };
  }

  #has(cid: Cid.CID): Promise<boolean> {
    const isThere = deferred<boolean>();
    if (this.#waiting.push({ cid, isThere }) === 1) setTimeout(() => void this.#ask());
    return isThere.promise;
  }

  async #ask(): Promise<void> {
    const asked = this.#waiting;
    this.#waiting = [];
    try {
      const absent = new Set((await this.#far.missing(asked.map(({ cid }) => cid))).map(String));
      for (const { cid, isThere } of asked) isThere.resolve(!absent.has(cid.toString()));
    } catch (error) {
      for (const { isThere } of asked) isThere.reject(error);
    }
  }
}

function isRereadable(source: AsyncIterable<Uint8Array>): source is Rereadable {
  return 'isRereadable' in source && source.isRereadable === true;
}

function named(bytes: Uint8Array): { readonly cid: Cid.CID; readonly size: number } {
  return { cid: Cid.fromSha256(sha256(bytes)), size: bytes.length };
}

async function hashed(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<{ cid: Cid.CID; size: number }> {
  const hash = new Sha256();
  let size = 0;
  for await (const chunk of source) {
    signal?.throwIfAborted();
    hash.update(chunk);
    size += chunk.length;
  }
  return { cid: Cid.fromSha256(hash.digest()), size };
}
