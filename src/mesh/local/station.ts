import type { Clock } from '../../base/clock.ts';
import { DocketError } from '../../errors.ts';
import type { Link } from '../mesh.ts';
import type { Delivery, Party } from './delivery.ts';

type BytesListener = (from: string, bytes: Uint8Array) => void;
type QuestionHandler = (from: string, question: Uint8Array) => Promise<Uint8Array | undefined>;

/** Where a member stands in the mesh of one process: its ears, its link, its end. Two may have the same DID. */
export class Station implements Party {
  readonly did: string;
  readonly clock: Clock;
  readonly delivery: Delivery;
  /** Aborts when the member leaves. */
  readonly left: AbortSignal;
  readonly beats = new Set<BytesListener>();
  readonly messages = new Set<BytesListener>();
  question: QuestionHandler | undefined;
  link: Link;
  readonly #links = new Set<(link: Link) => void>();
  readonly #leaving = new AbortController();
  readonly #mayWrite: boolean;
  #isGone = false;

  constructor(did: string, clock: Clock, delivery: Delivery, mayWrite: boolean) {
    this.did = did;
    this.clock = clock;
    this.delivery = delivery;
    this.left = this.#leaving.signal;
    this.#mayWrite = mayWrite;
    this.link = delivery.join(this, (link) => {
      this.link = link;
      for (const listener of this.#links) tell(() => listener(link));
    });
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Its listeners vanish at once. What it waits for does not end: whoever is killed is not told. */
  vanish(): void {
    this.#isGone = true;
    for (const ears of [this.beats, this.messages, this.#links]) ears.clear();
    this.question = undefined;
  }

  close(): void {
    this.vanish();
    this.#leaving.abort(new DocketError('MESH_UNREACHABLE', `${this.did} has left the mesh`));
  }

  /** `work` is done at the engine: all of it or nothing. Throws the signal's reason. */
  async call<Result>(work: () => Result, signal?: AbortSignal): Promise<Result> {
    this.left.throwIfAborted();
    signal?.throwIfAborted();
    const call = this.delivery.call(this, work);
    return await (signal === undefined ? call : unlessAborted(call, signal));
  }

  /** As `call`, for what changes something. Throws `MESH_REFUSED`. */
  async write<Result>(work: () => Result, signal?: AbortSignal): Promise<Result> {
    return await this.call(() => {
      if (!this.#mayWrite) throw new DocketError('MESH_REFUSED', `${this.did} may not write in this mesh`);
      return work();
    }, signal);
  }

  /** Of a member that has left nothing is heard, so nobody listens. */
  listen(listeners: Set<BytesListener>, listener: BytesListener): Disposable {
    if (!this.isGone) listeners.add(listener);
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  listenToLink(listener: (link: Link) => void): Disposable {
    const once = (link: Link): void => listener(link);
    if (!this.isGone) this.#links.add(once);
    return { [Symbol.dispose]: () => void this.#links.delete(once) };
  }

  hearBeat(from: string, beat: Uint8Array): void {
    for (const listener of this.beats) tell(() => listener(from, beat));
  }

  hearMessage(from: string, message: Uint8Array): void {
    for (const listener of this.messages) tell(() => listener(from, message));
  }
}

/** What a listener throws is its own fault and shall be seen, but nobody else's delivery stops for it. */
function tell(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

async function unlessAborted<Result>(call: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([call, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
