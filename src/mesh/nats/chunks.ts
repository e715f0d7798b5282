import { DocketError } from '../../errors.ts';

/** The same bytes in chunks of `chunk` bytes, the last of what is left; copies. Throws `BLOB_MISMATCH` unless there are `size` bytes, and the signal's reason. */
export async function* chunksOf(
  source: AsyncIterable<Uint8Array>,
  chunk: number,
  size: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let filling = new Uint8Array(Math.min(chunk, size));
  let filled = 0;
  let total = 0;
  for await (const part of unlessAborted(source, signal)) {
    total += part.length;
    if (total > size) throw mismatch(`more than ${size}`, size);
    for (let at = 0; at < part.length;) {
      const taken = part.subarray(at, at + filling.length - filled);
      filling.set(taken, filled);
      at += taken.length;
      filled += taken.length;
      if (filled < filling.length) continue;
      yield filling;
      filling = new Uint8Array(Math.min(chunk, size - total + part.length - at));
      filled = 0;
    }
  }
  if (total !== size) throw mismatch(String(total), size);
}

function mismatch(came: string, size: number): DocketError {
  return new DocketError('BLOB_MISMATCH', `${came} bytes came instead of ${size}`);
}

/** A source that is stuck is left to itself. */
async function* unlessAborted(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  if (signal === undefined) return yield* source;
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  const parts = source[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      const next = await Promise.race([parts.next(), promise]);
      isDone = next.done === true;
      if (isDone) return;
      yield next.value as Uint8Array;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    // Not waited for: one that is stuck would not let go either.
    if (!isDone) void parts.return?.().then(undefined, () => undefined);
  }
}
