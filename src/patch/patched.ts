import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { DocketError, type ErrorCode } from '../errors.ts';

/** What the thread is given. */
export interface Order {
  readonly old: Uint8Array;
  readonly patch: Uint8Array;
  readonly limit: number;
}

/** What it answers each time it is asked. */
export type Batch =
  | { readonly pieces: readonly Uint8Array[]; readonly done: boolean }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly details: Readonly<Record<string, unknown>> } };

/**
 * `applyPatch` in a thread of its own, which is asked for no more than is taken and ends with whoever takes it, however it is occupied. Throws as that,
 * and the signal's reason.
 */
export async function* patched(
  old: Uint8Array,
  patch: Uint8Array,
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const thread = new Worker(new URL(`./patch-thread${import.meta.url.slice(-3)}`, import.meta.url), {
    workerData: { old, patch, limit } satisfies Order,
  });
  try {
    for (;;) {
      const answer = once(thread, 'message', { signal });
      thread.postMessage(undefined);
      const [batch] = (await answer.catch((error: unknown) => {
        signal.throwIfAborted();
        throw error;
      })) as [Batch];
      if ('error' in batch) throw new DocketError(batch.error.code, batch.error.message, { details: batch.error.details });
      yield* batch.pieces;
      if (batch.done) return;
    }
  } finally {
    await thread.terminate();
  }
}
