import type { FetchProgress } from './fetch-progress.ts';

/** Whoever waits for a resource. */
export interface Waiting {
  /** Ends the waiting; what nobody waits for any more is not fetched on. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: FetchProgress) => void;
}

/** One resource on its way. */
export interface Errand {
  readonly signal: AbortSignal;
  readonly tell: (progress: FetchProgress) => void;
}

interface Pending {
  readonly promise: Promise<unknown>;
  readonly waiting: Set<Waiting>;
  readonly stop: AbortController;
}

/**
 * Work that is done once at a time by its name, for however many wait for it.
 *
 * Invariants
 * E1. Work goes on as long as somebody waits for it, and is stopped with the last who leaves. Whoever comes after that begins anew.
 * E2. Who leaves is free at once, and hears nothing more.
 */
export class Errands {
  readonly #pending = new Map<string, Pending>();

  /** Throws what the work throws, and the reason of the signal. */
  async run<T>(name: string, waiting: Waiting, work: (errand: Errand) => Promise<T>): Promise<T> {
    waiting.signal.throwIfAborted();
    // Of its own, though one may wait for the same thing twice.
    const one = { ...waiting };
    const pending = this.#pending.get(name) ?? this.#begin(name, work);
    pending.waiting.add(one);
    const left = Promise.withResolvers<never>();
    left.promise.catch(() => {});
    const leave = (): void => left.reject(waiting.signal.reason);
    waiting.signal.addEventListener('abort', leave, { once: true });
    try {
      return (await Promise.race([pending.promise, left.promise])) as T;
    } finally {
      waiting.signal.removeEventListener('abort', leave);
      pending.waiting.delete(one);
      if (pending.waiting.size === 0) {
        this.#forget(name, pending);
        pending.stop.abort(waiting.signal.reason);
      }
    }
  }

  #begin<T>(name: string, work: (errand: Errand) => Promise<T>): Pending {
    const stop = new AbortController();
    const waiting = new Set<Waiting>();
    const tell = (progress: FetchProgress): void => waiting.forEach(({ onProgress }) => onProgress(progress));
    const promise = work({ signal: stop.signal, tell });
    // Nobody may be left to hear of it.
    promise.catch(() => {});
    const pending: Pending = { promise, waiting, stop };
    this.#pending.set(name, pending);
    void promise.catch(() => {}).then(() => this.#forget(name, pending));
    return pending;
  }

  #forget(name: string, pending: Pending): void {
    if (this.#pending.get(name) === pending) this.#pending.delete(name);
  }
}
