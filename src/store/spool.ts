import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFailure } from './failures.ts';

/** A place for bytes that are too many for memory and may not be shown before all of them were seen. */
export interface Spool extends AsyncDisposable {
  append(bytes: Uint8Array): Promise<void>;
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

const CHUNK = 1 << 20;

/** A file among the system's temporary ones. It loses its name at once, so that nothing of it stays if the process is killed. `STORE_FULL`, `STORE_UNWRITABLE`. */
export async function openSpool(folder = tmpdir()): Promise<Spool> {
  const path = join(folder, `docket-spool-${randomUUID()}`);
  const failed = (error: unknown): never => {
    throw writeFailure(error, path);
  };
  const handle = await open(path, 'wx+', 0o600).catch(failed);
  await rm(path).catch(failed);
  let size = 0;
  return {
    async append(bytes) {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, size).catch(failed);
        done += bytesWritten;
        size += bytesWritten;
      }
    },
    async *read(start, end) {
      for (let at = start; at < end;) {
        const { bytesRead, buffer } = await handle.read(new Uint8Array(Math.min(CHUNK, end - at)), 0, undefined, at);
        if (bytesRead === 0) throw new Error(`${path} is shorter than what was written to it`);
        yield buffer.subarray(0, bytesRead);
        at += bytesRead;
      }
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}
