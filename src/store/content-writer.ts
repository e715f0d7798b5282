import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import { abortable } from './abortable.ts';
import { writeFailure } from './failures.ts';
import { contentFolder, contentPath, temporaryFolder } from './paths.ts';
import { temporaryName } from './temporary-name.ts';

/** Small chunks are gathered up to this many bytes, so that a source of tiny chunks costs no system call each. */
const GATHER = 256 * 1024;

/** A written, not yet named blob. Disposing removes the file if it was not placed. */
export class TemporaryBlob implements AsyncDisposable {
  readonly hex: string;
  readonly size: number;
  readonly #root: string;
  readonly #path: string;
  readonly #handle: FileHandle;

  private constructor(root: string, path: string, handle: FileHandle, hex: string, size: number) {
    this.#root = root;
    this.#path = path;
    this.#handle = handle;
    this.hex = hex;
    this.size = size;
  }

  /** Streams `source` into a new temporary file, hashing on the way. Nothing stays behind if it throws. */
  static async write(root: string, source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<TemporaryBlob> {
    const path = join(temporaryFolder(root), temporaryName());
    const handle = await open(path, 'wx').catch((error: unknown) => {
      throw writeFailure(error, path);
    });
    try {
      const { hex, size } = await drain(abortable(source, signal), handle, path);
      return new TemporaryBlob(root, path, handle, hex, size);
    } catch (error) {
      await handle.close();
      await rm(path, { force: true });
      throw error;
    }
  }

  /** Makes the bytes durable, then gives the file its name, replacing whatever lies there. The name still wants its folders synced. */
  async place(): Promise<void> {
    const target = contentPath(this.#root, this.hex);
    try {
      await this.#handle.sync();
      await renameInto(this.#path, target, contentFolder(this.#root, this.hex));
    } catch (error) {
      throw writeFailure(error, target);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
    await rm(this.#path, { force: true });
  }
}

async function renameInto(from: string, to: string, folder: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') await mkdir(folder, { recursive: true });
    // Somebody made a folder of the blob's name: damage like any other, and in the way.
    else if (code === 'EISDIR' || code === 'ENOTEMPTY' || code === 'EEXIST') await rm(to, { recursive: true, force: true });
    else throw error;
    await rename(from, to);
  }
}

/** Writes and hashes at the same time: the write runs in the thread pool while this thread hashes the same bytes. */
async function drain(source: AsyncIterable<Uint8Array>, handle: FileHandle, path: string): Promise<{ hex: string; size: number }> {
  const hash = createHash('sha256');
  const gathered = Buffer.allocUnsafe(GATHER);
  let filled = 0;
  let size = 0;
  const write = async (bytes: Uint8Array): Promise<void> => {
    if (bytes.length === 0) return;
    const writing = writeAll(handle, bytes, size);
    hash.update(bytes);
    size += bytes.length;
    await writing.catch((error: unknown) => {
      throw writeFailure(error, path);
    });
  };
  for await (const chunk of source) {
    if (filled + chunk.length > GATHER) {
      await write(gathered.subarray(0, filled));
      filled = 0;
    }
    if (chunk.length >= GATHER) {
      await write(chunk);
    } else {
      gathered.set(chunk, filled);
      filled += chunk.length;
    }
  }
  await write(gathered.subarray(0, filled));
  return { hex: hash.digest('hex'), size };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
