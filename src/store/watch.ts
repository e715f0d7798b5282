import type { Clock } from '../base/clock.ts';

/** Silence and the caller's own wish, as one signal. */
export class Watch {
  readonly #stop = new AbortController();
  readonly #idle: number;
  readonly #clock: Clock;
  readonly #caller: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#stop.abort(this.#caller?.reason);
  #cancel: (() => void) | undefined;
  #isSilent = false;
  #isOver = false;

  constructor(idle: number, clock: Clock, caller: AbortSignal | undefined) {
    this.#idle = idle;
    this.#clock = clock;
    this.#caller = caller;
    caller?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Something moved, and the agent is waited for again. */
  wait(): void {
    this.pause();
    // A body may still be sent when its reply is here and over with.
    if (this.#isOver) return;
    this.#cancel = this.#clock.after(this.#idle, () => {
      this.#isSilent = true;
      this.#stop.abort(new Error('silent'));
    });
  }

  /** It is not the agent that is waited for. */
  pause(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  async over<T>(promise: Promise<T>): Promise<T> {
    this.wait();
    try {
      return await promise;
    } finally {
      this.pause();
    }
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** Nothing is waited for any more. */
  end(): void {
    this.#isOver = true;
    this.pause();
    this.#caller?.removeEventListener('abort', this.#onAbort);
  }

  /** As `end`; what still goes on of the request is stopped. */
  leave(): void {
    this.end();
    this.#stop.abort(new Error('no more is wanted'));
  }
}
