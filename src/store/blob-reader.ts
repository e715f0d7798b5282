import { closeSync, fstatSync, lstatSync, openSync, readSync, type BigIntStats } from 'node:fs';
import { hash } from 'node:crypto';
import { systemClock, type Clock } from '../base/clock.ts';
import { DocketError, systemCode } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { damage, OPEN_CONTENT } from './content-reader.ts';
import { blobCid, digestHex } from './digest.ts';
import { missing, readFailure } from './failures.ts';
import { sameContent, stampOf } from './file-stamp.ts';
import { hashDescriptor } from './hash-descriptor.ts';
import { contentPath } from './paths.ts';
import { checkLimit } from './requests.ts';
import { VerifiedFiles } from './verified-files.ts';

/**
 * Synchronous reading of a disk store, for slot processes: a guest's `fd_read` cannot wait for a promise. Works under
 * Node's `--permission` with read and write access to the store's root (a damaged file is moved out of the way).
 */

const BUFFER = 1 << 20;

/** A verified blob. `read` fills `target` from `position` on and gives the count, 0 at the end. */
export interface BlobHandle extends Disposable {
  readonly size: number;
  read(target: Uint8Array, position: number): number;
  close(): void;
}

export class BlobReader {
  readonly #root: string;
  readonly #small: Pick<ReadonlyMap<string, Uint8Array>, 'get'>;
  readonly #verified: VerifiedFiles;
  readonly #clock: Clock;

  /**
   * `small`: blobs that do not lie on disk, by lower-case hex SHA2-256. `verified` outlives the reader where one is made
   * for each job, so that a file is hashed once by a process.
   */
  constructor(
    root: string,
    small: Pick<ReadonlyMap<string, Uint8Array>, 'get'>,
    verified: VerifiedFiles = new VerifiedFiles(),
    clock: Clock = systemClock,
  ) {
    this.#root = root;
    this.#small = small;
    this.#verified = verified;
    this.#clock = clock;
  }

  /** Verified before it returns. `BLOB_MISSING`, `BLOB_DAMAGED`, `STORE_UNREADABLE`, `CID_INVALID`. */
  open(cid: CID): BlobHandle {
    const hex = digestHex(cid);
    const bytes = this.#small.get(hex);
    return bytes === undefined ? this.#openFile(hex) : openBytes(hex, bytes);
  }

  /** `BLOB_TOO_LARGE` beyond `limit` bytes, default 64 MiB. */
  readAll(cid: CID, limit?: number): Uint8Array {
    using blob = this.open(cid);
    checkLimit(cid, blob.size, limit);
    const bytes = new Uint8Array(blob.size);
    for (let done = 0; done < bytes.length;) done += blob.read(bytes.subarray(done), done);
    return bytes;
  }

  #openFile(hex: string): BlobHandle {
    const path = contentPath(this.#root, hex);
    const fd = openContent(this.#root, hex);
    try {
      const stats = fstatSync(fd, { bigint: true });
      if (!stats.isFile()) throw damage(this.#root, hex, stats);
      this.#verify(fd, hex, stats);
      return openFile(this.#root, hex, fd, stats);
    } catch (error) {
      closeSync(fd);
      throw readFailure(error, path);
    }
  }

  #verify(fd: number, hex: string, stats: BigIntStats): void {
    const stamp = stampOf(stats);
    if (this.#verified.has(hex, stamp)) return;
    const since = this.#clock.now();
    const buffer = Buffer.allocUnsafe(Math.min(BUFFER, Math.max(1, Number(stats.size))));
    const found = hashDescriptor(fd, buffer);
    const after = stampOf(fstatSync(fd, { bigint: true }));
    if (found.hex !== hex || !sameContent(stamp, after)) throw damage(this.#root, hex, stats);
    this.#verified.add(hex, after, since);
  }
}

function openBytes(hex: string, bytes: Uint8Array): BlobHandle {
  if (hash('sha256', bytes) !== hex) throw new DocketError('BLOB_DAMAGED', `the bytes given for ${blobCid(hex)} do not match it`);
  return handle(
    bytes.length,
    (target, position) => {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
    () => undefined,
  );
}

function openFile(root: string, hex: string, fd: number, stats: BigIntStats): BlobHandle {
  const size = Number(stats.size);
  const read = (target: Uint8Array, position: number): number => {
    const wanted = Math.min(target.length, size - position);
    if (wanted <= 0) return 0;
    let count: number;
    try {
      count = readSync(fd, target, 0, wanted, position);
    } catch (error) {
      throw readFailure(error, contentPath(root, hex));
    }
    if (count === 0) throw damage(root, hex, stats);
    return count;
  };
  return handle(size, read, () => closeSync(fd));
}

/** Closing twice must not close a descriptor that was given to another file meanwhile. */
function handle(size: number, read: BlobHandle['read'], release: () => void): BlobHandle {
  let closed = false;
  const close = (): void => {
    if (!closed) release();
    closed = true;
  };
  return { size, read, close, [Symbol.dispose]: close };
}

function openContent(root: string, hex: string): number {
  const path = contentPath(root, hex);
  try {
    return openSync(path, OPEN_CONTENT);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw missing(hex);
    if (code === 'ELOOP' || code === 'ENXIO') throw damage(root, hex, lstatSync(path, { bigint: true }));
    throw readFailure(error, path);
  }
}
