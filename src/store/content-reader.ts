import { constants, type BigIntStats } from 'node:fs';
import { createHash, hash as hashOnce } from 'node:crypto';
import { lstat, open, type FileHandle } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { DocketError, systemCode } from '../errors.ts';
import { blobCid } from './digest.ts';
import { missing, readFailure } from './failures.ts';
import { sameContent, stampOf } from './file-stamp.ts';
import { contentPath } from './paths.ts';
import { setAside } from './set-aside.ts';
import type { VerifiedFiles } from './verified-files.ts';

/**
 * Reading a content file, verified first.
 *
 * Invariants
 * 1. No byte is given before all bytes were hashed through the descriptor they are then read from, in this call or
 *    earlier with the same stamp.
 * 2. A file up to `WHOLE` bytes is read once and given from memory. A larger one is read twice, and its stamp is
 *    compared again at the end: a change in between is damage, not data.
 * 3. Damage moves the file out of the way before it is reported, while the descriptor still holds its inode.
 */

/** Up to here reading twice would cost more than holding the bytes. */
const WHOLE = 1 << 20;
const CHUNK = 1 << 20;
/** Never a link, and never blocking on a pipe somebody put there. */
export const OPEN_CONTENT = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

interface Context {
  readonly root: string;
  readonly verified: VerifiedFiles;
  readonly clock: Clock;
}

/** A verified blob, open. */
export class OpenBlob implements AsyncDisposable {
  readonly size: number;
  readonly #context: Context;
  readonly #hex: string;
  readonly #handle: FileHandle;
  readonly #stats: BigIntStats;
  #bytes: Uint8Array | undefined;

  private constructor(context: Context, hex: string, handle: FileHandle, stats: BigIntStats) {
    this.#context = context;
    this.#hex = hex;
    this.#handle = handle;
    this.#stats = stats;
    this.size = Number(stats.size);
  }

  /** `BLOB_MISSING`, `BLOB_DAMAGED`, `STORE_UNREADABLE`. */
  static async open(context: Context, hex: string, signal?: AbortSignal): Promise<OpenBlob> {
    const handle = await openContent(context.root, hex);
    try {
      const stats = await handle.stat({ bigint: true });
      const blob = new OpenBlob(context, hex, handle, stats);
      if (!stats.isFile()) blob.#damaged();
      await blob.#verify(signal);
      return blob;
    } catch (error) {
      await handle.close();
      throw readFailure(error, contentPath(context.root, hex));
    }
  }

  /** Reads the next chunk while the taker works on the last. */
  async *read(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    if (start === end) return;
    let reading = this.#readAt(start, Math.min(CHUNK, end - start));
    try {
      for (let position = start; position < end;) {
        signal?.throwIfAborted();
        const chunk = await reading;
        position += chunk.length;
        if (position < end) reading = this.#readAt(position, Math.min(CHUNK, end - position));
        else await this.#unchanged();
        yield chunk;
      }
    } finally {
      // The descriptor must not be closed under a read that is still running.
      await reading.catch(() => undefined);
    }
  }

  /** All of it in one piece. */
  async readAll(): Promise<Uint8Array> {
    const bytes = this.#bytes ?? (await this.#fill(unfilled(this.size), 0));
    await this.#unchanged();
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #readAt(position: number, length: number): Promise<Uint8Array> {
    // A copy: what is given belongs to the taker.
    if (this.#bytes !== undefined) return this.#bytes.slice(position, position + length);
    return this.#fill(unfilled(length), position);
  }

  async #fill(target: Uint8Array, position: number): Promise<Uint8Array> {
    for (let done = 0; done < target.length;) {
      const { bytesRead } = await this.#handle.read(target, done, target.length - done, position + done).catch((error: unknown) => {
        throw readFailure(error, contentPath(this.#context.root, this.#hex));
      });
      if (bytesRead === 0) this.#damaged();
      done += bytesRead;
    }
    return target;
  }

  async #verify(signal: AbortSignal | undefined): Promise<void> {
    const stamp = stampOf(this.#stats);
    const since = this.#context.clock.now();
    if (this.size <= WHOLE) {
      this.#bytes = await this.#fill(unfilled(this.size), 0);
      if (hashOnce('sha256', this.#bytes) !== this.#hex) this.#damaged();
      return;
    }
    if (this.#context.verified.has(this.#hex, stamp)) return;
    if ((await this.#hash(signal)) !== this.#hex) this.#damaged();
    await this.#unchanged();
    this.#context.verified.add(this.#hex, stamp, since);
  }

  /** Reads the next chunk while hashing the last. */
  async #hash(signal: AbortSignal | undefined): Promise<string> {
    const hash = createHash('sha256');
    let [current, spare] = [new Uint8Array(CHUNK), new Uint8Array(CHUNK)];
    let reading = this.#fill(current.subarray(0, Math.min(CHUNK, this.size)), 0);
    for (let position = 0; position < this.size;) {
      const chunk = await reading;
      signal?.throwIfAborted();
      position += chunk.length;
      if (position < this.size) reading = this.#fill(spare.subarray(0, Math.min(CHUNK, this.size - position)), position);
      hash.update(chunk);
      [current, spare] = [spare, current];
    }
    return hash.digest('hex');
  }

  async #unchanged(): Promise<void> {
    if (this.#bytes !== undefined) return;
    const now = stampOf(await this.#handle.stat({ bigint: true }));
    if (!sameContent(now, stampOf(this.#stats))) this.#damaged();
  }

  #damaged(): never {
    throw damage(this.#context.root, this.#hex, this.#stats);
  }
}

/** Memory that is written over before anybody sees it. Not a Buffer, whose `slice` shares instead of copying. */
function unfilled(size: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
}

/** Sets the damaged file aside and gives the error to throw. */
export function damage(root: string, hex: string, stats: Pick<BigIntStats, 'dev' | 'ino'>): DocketError {
  setAside(root, hex, stats);
  return new DocketError('BLOB_DAMAGED', `the stored bytes of ${blobCid(hex)} do not match it`, {
    details: { path: contentPath(root, hex) },
  });
}

async function openContent(root: string, hex: string): Promise<FileHandle> {
  const path = contentPath(root, hex);
  try {
    return await open(path, OPEN_CONTENT);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw missing(hex);
    // A symlink gives ELOOP, a socket ENXIO: neither was written by a store.
    if (code === 'ELOOP' || code === 'ENXIO') throw damage(root, hex, await lstat(path, { bigint: true }));
    throw readFailure(error, path);
  }
}
