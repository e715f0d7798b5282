import type { Clock } from '../../../base/clock.ts';
import { DocketError } from '../../../errors.ts';

/** Resolves after `ms`, or when aborted. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const over = Promise.withResolvers<void>();
  const end = (): void => over.resolve();
  const stop = clock.after(ms, end);
  signal.addEventListener('abort', end, { once: true });
  await over.promise;
  stop();
  signal.removeEventListener('abort', end);
}

/** The promise, or undefined after `ms`; what comes of it later is nobody's concern then. */
export async function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const stop = clock.after(ms, () => late.resolve(undefined));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    stop();
  }
}

/** A signal that also aborts after `ms`, with `MESH_NO_ANSWER`, unless it is disposed of before. */
export function limited(clock: Clock, ms: number, signal: AbortSignal): Disposable & { readonly signal: AbortSignal } {
  const late = new AbortController();
  const stop = clock.after(ms, () => late.abort(new DocketError('MESH_NO_ANSWER', `the mesh did not answer within ${ms / 1000} s`)));
  return { signal: AbortSignal.any([signal, late.signal]), [Symbol.dispose]: stop };
}
