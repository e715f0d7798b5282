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

/**
 * Looks at promises that may stay pending for long, as `within` does. However often one is looked at in vain, it keeps one reaction; with `within` it would keep one of each
 * look.
 */
export class Looks {
  readonly #clock: Clock;
  /** What was looked at last. */
  #at: { readonly promise: Promise<unknown>; isSettled: boolean } | undefined;
  #wake: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The promise, or undefined after `ms`. One at a time. */
  async within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
    const at = this.#at?.promise === promise ? this.#at : this.#begin(promise);
    if (!at.isSettled) {
      const over = Promise.withResolvers<void>();
      this.#wake = over.resolve;
      const stop = this.#clock.after(ms, over.resolve);
      await over.promise;
      stop();
    }
    return at.isSettled ? await promise : undefined;
  }

  #begin(promise: Promise<unknown>): { readonly promise: Promise<unknown>; isSettled: boolean } {
    const at = { promise, isSettled: false };
    const settled = (): void => {
      at.isSettled = true;
      if (this.#at === at) this.#wake();
    };
    promise.then(settled, settled);
    return (this.#at = at);
  }
}

/** A signal that also aborts after `ms`, with `MESH_NO_ANSWER`, unless it is disposed of before. */
export function limited(clock: Clock, ms: number, signal: AbortSignal): Disposable & { readonly signal: AbortSignal } {
  const late = new AbortController();
  const stop = clock.after(ms, () => late.abort(new DocketError('MESH_NO_ANSWER', `the mesh did not answer within ${ms / 1000} s`)));
  return { signal: AbortSignal.any([signal, late.signal]), [Symbol.dispose]: stop };
}
