import { errors, headers, nuid, type Msg, type NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '../../base/clock.ts';
import { DocketError } from '../../errors.ts';

/** What is asked of whoever listens to a subject. */
export interface Ask {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Reply =
  | { readonly tag: 'message'; readonly message: Msg }
  /** Nobody listens to that subject. */
  | { readonly tag: 'nobody' }
  | { readonly tag: 'silence' }
  | { readonly tag: 'refused'; readonly error: DocketError };

type Refusal = InstanceType<typeof errors.PermissionViolationError>;

interface Waiting {
  readonly subject: string;
  hear(reply: Reply): void;
}

export interface SessionOptions {
  /** Subject under which answers come. */
  readonly inbox: string;
  readonly clock: Clock;
  readonly onFault: (fault: DocketError) => void;
}

/**
 * Milliseconds between pings, and how many may be unanswered: a server that is paused is noticed after 1.5 to 2 s. So whoever was there is at another server before
 * members miss it, which they do after three seconds.
 */
const PING = 500;
const UNANSWERED = 3;
/** Bytes that may be on the way to the server before what can be lost is dropped, and after how many it is asked how far it is. */
const MOST_UNCONFIRMED = 64 * 2 ** 20;
const CONFIRM_EVERY = 2 ** 18;
/** A message to nobody is answered so. */
const NO_RESPONDERS = 503;

/**
 * One connection to one server, until it is lost. It does not come back: `Connection` makes another.
 *
 * S1. `lost` aborts once, with what the matter was. From then on nothing is sent or heard, and all that waits has been told.
 * S2. All answers come through one subscription; each `Ask` has a number in its reply subject, which is given out once.
 * S3. What is on its way to the server is counted; pings confirm it. Above the bound what may be lost is dropped, so a server that takes nothing does not fill the memory.
 *     Whatever is heard is a sign of life: a ping waits behind all that was sent before it, which takes its time on a slow line.
 * S4. The client library's own reconnecting is off: it would keep what is published while it tries, flush to a paused server before it hangs up, and give up after being
 *     refused twice.
 */
export class Session {
  readonly lost: AbortSignal;
  readonly #nats: NatsConnection;
  readonly #options: SessionOptions;
  readonly #inbox: string;
  readonly #losing = new AbortController();
  readonly #waiting = new Map<string, Waiting>();
  #number = 0;
  #unanswered = 0;
  #sent = 0;
  #marked = 0;
  #confirmed = 0;
  #cancelPing: () => void = () => undefined;
  #denied: Error | undefined;

  constructor(nats: NatsConnection, options: SessionOptions) {
    this.#nats = nats;
    this.#options = options;
    this.#inbox = `${options.inbox}${nuid.next()}`;
    this.lost = this.#losing.signal;
    nats.subscribe(`${this.#inbox}.a.>`, { callback: (error, message) => this.#hear(error, message) });
    void this.#readStatus();
    void nats.closed().then((error) => this.lose(error ?? undefined));
    this.#ping();
  }

  /** Bytes that the server takes at once, headers included. */
  get maxPayload(): number {
    return this.#nats.info?.max_payload ?? 0;
  }

  /** Addresses of the servers in its cluster, this one included, as far as it tells them. */
  get peers(): readonly string[] {
    return this.#nats.info?.connect_urls ?? [];
  }

  /** Whether this server has it, or another of its cluster may. */
  get mayHaveJetStream(): boolean {
    const { jetstream, cluster } = this.#nats.info ?? {};
    return jetstream === true || cluster !== undefined;
  }

  /** Waits until the server has taken in all that was sent. Throws if the session is lost before. */
  async confirm(): Promise<void> {
    await untilLost(this.#nats.flush(), this.lost);
    this.lost.throwIfAborted();
    if (this.#denied !== undefined) throw this.#denied;
  }

  /** A subject only this session has, for what is neither question nor answer. */
  ownSubject(): string {
    return `${this.#inbox}.c.${(this.#number++).toString(36)}`;
  }

  listen(subject: string, listener: (message: Msg) => void): Disposable {
    if (this.lost.aborted) return { [Symbol.dispose]: () => undefined };
    const subscription = this.#nats.subscribe(subject, {
      callback: (error, message) => {
        this.#unanswered = 0;
        if (error === null) listener(message);
      },
    });
    return { [Symbol.dispose]: () => subscription.unsubscribe() };
  }

  /** Whether it was sent: not if too much is on the way already (S3). `data` is not to be changed until it was. */
  publish(subject: string, data: Uint8Array, reply?: string): boolean {
    if (this.lost.aborted || this.#sent - this.#confirmed > MOST_UNCONFIRMED) return false;
    this.#send({ subject, data }, reply);
    return true;
  }

  /** Asks all at once, and waits for one answer to each, in the order of `asks`, for `patience` ms. Throws the signal's reason, and why the session was lost. */
  async call(asks: readonly Ask[], patience: number, signal?: AbortSignal): Promise<readonly Reply[]> {
    signal?.throwIfAborted();
    this.lost.throwIfAborted();
    const replies: Reply[] = Array.from({ length: asks.length }, () => ({ tag: 'silence' }));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let missing = asks.length;
    const tokens = asks.map((ask, index) =>
      this.#expect({
        subject: ask.subject,
        hear: (reply) => {
          replies[index] = reply;
          this.#waiting.delete(tokens[index] as string);
          if (--missing === 0) resolve();
        },
      }),
    );
    const cancel = this.#options.clock.after(patience, resolve);
    const abort = (): void => reject(signal?.reason as Error);
    const lose = (): void => reject(this.lost.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    this.lost.addEventListener('abort', lose, { once: true });
    try {
      for (const [index, ask] of asks.entries()) this.#send(ask, `${this.#inbox}.a.${tokens[index]}`);
      if (missing > 0) await promise;
      return replies;
    } finally {
      cancel();
      signal?.removeEventListener('abort', abort);
      this.lost.removeEventListener('abort', lose);
      for (const token of tokens) this.#waiting.delete(token);
    }
  }

  /** Asks whoever listens; each answer is given to `hear` until that is disposed of. */
  callAll(ask: Ask, hear: (reply: Reply) => void): Disposable {
    const token = this.#expect({ subject: ask.subject, hear });
    this.#send(ask, `${this.#inbox}.a.${token}`);
    return { [Symbol.dispose]: () => void this.#waiting.delete(token) };
  }

  lose(cause: Error | undefined): void {
    if (this.lost.aborted) return;
    this.#cancelPing();
    this.#losing.abort(this.#reason(cause));
    this.#waiting.clear();
    void this.#nats.close();
  }

  #expect(waiting: Waiting): string {
    const token = (this.#number++).toString(36);
    this.#waiting.set(token, waiting);
    return token;
  }

  #send({ subject, data, headers: fields }: Ask, reply: string | undefined): void {
    // The library would throw, and tells of the end a moment later.
    if (this.#nats.isClosed()) return this.lose(undefined);
    this.#sent += data.length + subject.length;
    const options: { reply?: string; headers?: ReturnType<typeof headers> } = reply === undefined ? {} : { reply };
    if (fields !== undefined) {
      options.headers = headers();
      for (const [name, value] of Object.entries(fields)) options.headers.set(name, value);
    }
    this.#nats.publish(subject, data, options);
    if (this.#sent - this.#marked > CONFIRM_EVERY) this.#mark();
  }

  #hear(error: Error | null, message: Msg): void {
    // The subscription was refused: nothing that is asked will be answered here.
    if (error !== null) return this.lose(error);
    this.#unanswered = 0;
    const [token = ''] = message.subject.slice(this.#inbox.length + 3).split('.', 1);
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return;
    const isToNobody = message.data.length === 0 && message.headers?.code === NO_RESPONDERS;
    waiting.hear(isToNobody ? { tag: 'nobody' } : { tag: 'message', message });
  }

  async #readStatus(): Promise<void> {
    for await (const status of this.#nats.status()) {
      if (status.type !== 'error') continue;
      const { error } = status;
      if (error instanceof errors.PermissionViolationError) this.#refuse(error);
      else this.#denied ??= error;
    }
  }

  /** The server does not say which message it refused: all that wait for an answer on that subject are told. */
  #refuse(cause: Refusal): void {
    const error = refusalOf(cause);
    const refused = [...this.#waiting.values()].filter(({ subject }) => subject === cause.subject);
    for (const waiting of refused) waiting.hear({ tag: 'refused', error });
    if (refused.length === 0) this.#options.onFault(error);
  }

  #ping(): void {
    if (this.#unanswered >= UNANSWERED) return this.lose(new Error(`it answered no ping for ${PING * UNANSWERED} ms`));
    this.#unanswered++;
    this.#mark();
    this.#cancelPing = this.#options.clock.after(PING, () => this.#ping());
  }

  #mark(): void {
    const upTo = this.#sent;
    this.#marked = upTo;
    void this.#nats.flush().then(
      () => {
        this.#confirmed = Math.max(this.#confirmed, upTo);
        this.#unanswered = 0;
      },
      () => undefined,
    );
  }

  #reason(cause: Error | undefined): DocketError {
    const server = this.#nats.getServer();
    if (this.#denied !== undefined) return deniedBy(server, this.#denied);
    if (cause instanceof errors.PermissionViolationError) return refusalOf(cause);
    const why = cause === undefined ? 'it hung up' : cause.message;
    return new DocketError('MESH_UNREACHABLE', `the connection to ${server} was lost: ${why}`, { cause });
  }
}

function refusalOf(cause: Refusal): DocketError {
  const verb = cause.operation === 'publish' ? 'send to' : 'listen to';
  return new DocketError('MESH_REFUSED', `this account may not ${verb} "${cause.subject}"`, { cause, details: { subject: cause.subject } });
}

/** What the server said before it hung up, or instead of taking the connection; `isNobody`: it was shown no credentials. */
export function deniedBy(server: string, error: Error, isNobody = false): DocketError {
  if (error instanceof errors.UserAuthenticationExpiredError)
    return new DocketError('MESH_DENIED', `${server} says that the credentials have expired`, { cause: error });
  if (error instanceof errors.AuthorizationError && isNobody)
    return new DocketError('MESH_DENIED', `${server} asks for credentials, and none are given`, {
      cause: error,
      next: 'Name a file with some: --creds, --nkey or --mesh-login.',
    });
  if (error instanceof errors.AuthorizationError)
    return new DocketError('MESH_DENIED', `${server} does not take these credentials (${error.message})`, { cause: error });
  return new DocketError('MESH_UNREACHABLE', `${server} ended the connection: ${error.message}`, { cause: error });
}

async function untilLost<T>(work: Promise<T>, lost: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  lost.addEventListener('abort', end, { once: true });
  try {
    await Promise.race([work, promise]);
  } finally {
    lost.removeEventListener('abort', end);
  }
}
