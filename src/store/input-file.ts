import { constants, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { DocketError, systemCode } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { sameStamp, stampOf } from './file-stamp.ts';
import type { Rereadable, Store } from './store.ts';

/** Up to here a file is read in one piece, which the store then need not write if it has it. */
const WHOLE = 1 << 20;
const CHUNK = 512 * 1024;
/** A pipe put in the file's place must not block us. */
const OPEN_INPUT = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Streams one file into the store. `stats` is what was seen before: if the file that opens is another one, or changes
 * while it is read, that is `INPUT_CHANGED` and nothing is kept. Not by reflink: hashing reads every byte in any case, so on
 * the file systems that have reflinks it would save the write only.
 */
export async function readIn(store: Store, path: string, stats: BigIntStats, signal: AbortSignal | undefined): Promise<CID> {
  try {
    await using handle = await open(path, OPEN_INPUT);
    const source = new InputFile(handle, path, stats);
    await source.checkUnchanged();
    const { cid } = await store.put(stats.size <= WHOLE ? await source.whole() : source, signal === undefined ? {} : { signal });
    return cid;
  } catch (error) {
    throw inputFailure(error, path);
  }
}

/** A failed system call on an input as `INPUT_UNREADABLE`; other errors unchanged. */
export function inputFailure(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (error instanceof DocketError || code === undefined || typeof (error as { syscall?: unknown }).syscall !== 'string') return error;
  return new DocketError('INPUT_UNREADABLE', `cannot read ${path}: ${reason(code, path)}`, { cause: error, details: { path } });
}

function reason(code: string, path: string): string {
  if (code === 'ENOTDIR') return 'a file stands where a folder is needed';
  if (code === 'EACCES' || code === 'EPERM') return 'no permission';
  if (code !== 'ENOENT') return code;
  return path.includes('\uFFFD') ? 'its name is not valid UTF-8' : 'there is none';
}

class InputFile implements Rereadable {
  readonly isRereadable = true;
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #stats: BigIntStats;

  constructor(handle: FileHandle, path: string, stats: BigIntStats) {
    this.#handle = handle;
    this.#path = path;
    this.#stats = stats;
  }

  async whole(): Promise<Uint8Array> {
    const bytes = await this.#fill(new Uint8Array(Number(this.#stats.size)), 0);
    await this.checkUnchanged();
    return bytes;
  }

  /** Reads the next chunk while the last is hashed and written. Throws before it ends if the file changed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const size = Number(this.#stats.size);
    let [current, spare] = [new Uint8Array(CHUNK), new Uint8Array(CHUNK)];
    let reading = this.#fill(current.subarray(0, Math.min(CHUNK, size)), 0);
    try {
      for (let position = 0; position < size;) {
        const chunk = await reading;
        position += chunk.length;
        if (position < size) reading = this.#fill(spare.subarray(0, Math.min(CHUNK, size - position)), position);
        yield chunk;
        [current, spare] = [spare, current];
      }
    } finally {
      // The descriptor must not be closed under a read that is still running.
      await reading.catch(() => undefined);
    }
    await this.checkUnchanged();
  }

  async checkUnchanged(): Promise<void> {
    if (!sameStamp(stampOf(await this.#handle.stat({ bigint: true })), stampOf(this.#stats))) this.#changed();
  }

  async #fill(target: Uint8Array, position: number): Promise<Uint8Array> {
    for (let done = 0; done < target.length;) {
      const { bytesRead } = await this.#handle.read(target, done, target.length - done, position + done);
      if (bytesRead === 0) this.#changed();
      done += bytesRead;
    }
    return target;
  }

  #changed(): never {
    throw new DocketError('INPUT_CHANGED', `${this.#path} changed while it was being read`, { details: { path: this.#path } });
  }
}
