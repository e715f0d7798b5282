import { hash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock, type Clock } from '../base/clock.ts';
import { makeFolders } from '../base/make-folders.ts';
import { isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { contentFiles, heldSize } from './content-files.ts';
import { OpenBlob } from './content-reader.ts';
import { TemporaryBlob } from './content-writer.ts';
import { blobCid, digestHex } from './digest.ts';
import { missing, readFailure, writeFailure } from './failures.ts';
import { algorithmFolder, contentPath, foldersOf, temporaryFolder } from './paths.ts';
import { byteRange, checkExpected, checkLimit } from './requests.ts';
import { sweep } from './set-aside.ts';
import type { BlobStat, GetOptions, PutOptions, Store } from './store.ts';
import { SyncQueue } from './sync-queue.ts';
import { VerifiedFiles } from './verified-files.ts';

/**
 * Blobs as files in cacache's layout, shared by any number of processes without locks.
 *
 * Invariants
 * 1. A name appears by rename of a complete, fsynced file (or, from a slot process, by linking a complete one that
 *    `settle` makes durable before any receipt names it). The file is never written to again.
 * 2. `put` resolves after the file and every folder on the way to it were fsynced; folders are shared by group commit.
 * 3. A put keeps an equal file only after hashing it, and replaces any other. So putting the right bytes always heals.
 */

/** Up to here bytes in memory are hashed in one go; beyond, in pieces that let the loop breathe. */
const ONE_GO = 4 << 20;
const PIECE = 1 << 20;
/** Synchronous stats between two turns of the loop: about half a millisecond. */
const STATS_PER_TURN = 128;

export class DiskStore implements Store {
  readonly root: string;
  readonly #clock: Clock;
  readonly #verified = new VerifiedFiles();
  readonly #queue = new SyncQueue();
  /** Innermost folders whose own names this instance has made durable. */
  readonly #durable = new Set<string>();

  private constructor(root: string, clock: Clock) {
    this.root = root;
    this.#clock = clock;
  }

  /**
   * Opens or makes the store in `root` and removes what dead processes left in it. A store that exists can be opened
   * for reading where nothing can be written. `STORE_UNWRITABLE`, `STORE_FULL`.
   */
  static async open(root: string, options: { readonly clock?: Clock } = {}): Promise<DiskStore> {
    const store = new DiskStore(root, options.clock ?? systemClock);
    try {
      const made = [algorithmFolder(root), temporaryFolder(root)].map((folder) => makeFolders(folder));
      if (made.includes(true)) await store.#queue.sync([dirname(algorithmFolder(root)), root, dirname(root)]);
    } catch (error) {
      throw writeFailure(error, root);
    }
    store.sweep();
    return store;
  }

  /** Removes what processes that are gone left unfinished. Done when opening; wanted again when a slot process died. */
  sweep(): void {
    try {
      sweep(this.root, this.#clock.now());
    } catch (error) {
      throw readFailure(error, temporaryFolder(this.root));
    }
  }

  async put(source: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<{ cid: CID; size: number }> {
    options.signal?.throwIfAborted();
    if (source instanceof Uint8Array && source.length <= ONE_GO) {
      const hex = hash('sha256', source);
      checkExpected(options.expect, hex);
      if (await this.#keepsEqual(hex, source.length)) return { cid: blobCid(hex), size: source.length };
    }
    await using blob = await TemporaryBlob.write(this.root, source instanceof Uint8Array ? pieces(source) : source, options.signal);
    checkExpected(options.expect, blob.hex);
    if (!(await this.#keepsEqual(blob.hex, blob.size))) {
      await blob.place();
      await this.#sync([], [blob.hex]);
    }
    return { cid: blobCid(blob.hex), size: blob.size };
  }

  /**
   * Makes blobs durable that slot processes adopted: their files and the folders on the way, in shared fsyncs. To be
   * awaited before the receipt that names them is committed. `BLOB_MISSING`.
   */
  async settle(cids: readonly CID[]): Promise<void> {
    const hexes = cids.map(digestHex);
    for (const hex of hexes) if (heldSize(this.root, hex) === undefined) throw missing(hex);
    await this.#sync(hexes, hexes);
  }

  async *get(cid: CID, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    options.signal?.throwIfAborted();
    await using blob = await this.#open(digestHex(cid), options.signal);
    const { start, end } = byteRange(options, blob.size);
    yield* blob.read(start, end, options.signal);
  }

  async read(cid: CID, options: { readonly limit?: number } = {}): Promise<Uint8Array> {
    const hex = digestHex(cid);
    // Before opening, so that a blob that is too large is not hashed only to be refused.
    checkLimit(cid, heldSize(this.root, hex) ?? 0, options.limit);
    await using blob = await this.#open(hex);
    checkLimit(cid, blob.size, options.limit);
    return await blob.readAll();
  }

  async stat(cid: CID): Promise<BlobStat | undefined> {
    const size = heldSize(this.root, digestHex(cid));
    return size === undefined ? undefined : { size };
  }

  async missing(cids: readonly CID[]): Promise<CID[]> {
    const absent: CID[] = [];
    for (const [i, cid] of cids.entries()) {
      if (i % STATS_PER_TURN === STATS_PER_TURN - 1) await nextTurn();
      if (heldSize(this.root, digestHex(cid)) === undefined) absent.push(cid);
    }
    return absent;
  }

  async *list(): AsyncGenerator<{ cid: CID; size: number }> {
    for await (const hex of contentFiles(this.root)) {
      const size = heldSize(this.root, hex);
      if (size !== undefined) yield { cid: blobCid(hex), size };
    }
  }

  async delete(cid: CID): Promise<void> {
    const path = contentPath(this.root, digestHex(cid));
    await rm(path, { force: true, recursive: true }).catch((error: unknown) => {
      throw writeFailure(error, path);
    });
  }

  async *verify(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<{ cid: CID; ok: boolean; size: number }> {
    for await (const hex of contentFiles(this.root)) {
      options.signal?.throwIfAborted();
      const size = heldSize(this.root, hex) ?? 0;
      // Nothing remembered: the point is to read every byte.
      const state = await this.#look(hex, new VerifiedFiles(), options.signal);
      if (state !== 'missing') yield { cid: blobCid(hex), ok: state === 'good', size };
    }
  }

  #open(hex: string, signal?: AbortSignal): Promise<OpenBlob> {
    return OpenBlob.open({ root: this.root, verified: this.#verified, clock: this.#clock }, hex, signal);
  }

  /** A damaged file is out of the way afterwards. */
  async #look(hex: string, verified: VerifiedFiles, signal?: AbortSignal): Promise<'good' | 'damaged' | 'missing'> {
    try {
      await using _ = await OpenBlob.open({ root: this.root, verified, clock: this.#clock }, hex, signal);
      return 'good';
    } catch (error) {
      if (isDocketError(error, 'BLOB_MISSING')) return 'missing';
      if (isDocketError(error, 'BLOB_DAMAGED')) return 'damaged';
      throw error;
    }
  }

  /** Whether the right bytes already lie there; if so they are durable, whoever wrote them (cacache never fsyncs). */
  async #keepsEqual(hex: string, size: number): Promise<boolean> {
    if (heldSize(this.root, hex) !== size || (await this.#look(hex, this.#verified)) !== 'good') return false;
    await this.#sync([hex], [hex]);
    return true;
  }

  async #sync(files: readonly string[], names: readonly string[]): Promise<void> {
    const paths = files.map((hex) => contentPath(this.root, hex));
    const fresh: string[] = [];
    for (const hex of names) {
      const [folder, ...outer] = foldersOf(this.root, hex);
      paths.push(folder);
      // Also a folder somebody else made: that process may have been killed before it synced the folder above.
      if (this.#durable.has(folder)) continue;
      paths.push(...outer);
      fresh.push(folder);
    }
    await this.#queue.sync(paths).catch((error: unknown) => {
      throw writeFailure(error, this.root);
    });
    for (const folder of fresh) this.#durable.add(folder);
  }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}
