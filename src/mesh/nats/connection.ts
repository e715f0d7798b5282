import type { Msg } from '@nats-io/transport-node';
import { DocketError, isDocketError } from '../../errors.ts';
import type { Link } from '../mesh.ts';
import { awaitGreeting } from './greeting.ts';
import { logIn } from './login.ts';
import type { NatsOptions } from './options.ts';
import { parseServer, type ServerAddress } from './server-address.ts';
import { Session } from './session.ts';

/** Milliseconds to wait for a server at each step of connecting. */
const STEP = 2_000;
/** Milliseconds between rounds through all servers, the first and the most. */
const PAUSE = 50;
const LONGEST_PAUSE = 2_000;
const FAREWELL = 500;

interface Ear {
  readonly subject: string;
  readonly listener: (message: Msg) => void;
  /** At the session that is. */
  at: Disposable | undefined;
}

/**
 * A member's connection to its engine: one session after the other, for ever.
 *
 * C1. At most one session is there; while there is none, one loop looks for a server, and ends only when closed.
 * C2. What was listened to is listened to again in each session before the link is told to be up.
 * C3. Addresses of the cluster that a server tells are tried after those that were given, without passwords of their own: the login of the session that told them.
 * C4. `link` and what its listeners were told last are the same.
 * C5. The server that was lost last is tried after all others: one that is paused takes the connection and says nothing.
 */
export class Connection implements AsyncDisposable {
  readonly options: NatsOptions;
  /** Aborts when it is closed. */
  readonly closed: AbortSignal;
  readonly #inbox: string;
  readonly #closing = new AbortController();
  readonly #given: readonly ServerAddress[];
  readonly #ears = new Set<Ear>();
  readonly #links = new Set<(link: Link) => void>();
  readonly #waiting = new Set<() => void>();
  #told: readonly ServerAddress[] = [];
  /** Where the last session is, or was. */
  #last: ServerAddress | undefined;
  #session: Session | undefined;
  #link: Link;
  #payload = 0;
  #lastFault = '';

  private constructor(options: NatsOptions, inbox: string) {
    this.options = options;
    this.#inbox = inbox;
    this.closed = this.#closing.signal;
    this.#given = options.servers.map(parseServer);
    if (this.#given.length === 0) throw new DocketError('USAGE', 'a mesh on NATS needs the address of a server');
    this.#link = { tag: 'down', since: options.clock.monotonic(), error: new DocketError('MESH_UNREACHABLE', 'not connected yet') };
  }

  /** Tries each server once. Throws `USAGE`, `MESH_UNREACHABLE`, `MESH_DENIED`, `MESH_REFUSED`. */
  static async open(options: NatsOptions, inbox: string): Promise<Connection> {
    const connection = new Connection(options, inbox);
    try {
      connection.#use(await connection.#findSession());
      return connection;
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
  }

  get link(): Link {
    return this.#link;
  }

  onLink(listener: (link: Link) => void): Disposable {
    const once = (link: Link): void => listener(link);
    this.#links.add(once);
    return { [Symbol.dispose]: () => void this.#links.delete(once) };
  }

  /** The session that is, if there is one. */
  get now(): Session | undefined {
    return this.#session;
  }

  /** Bytes that the server takes at once, by the last session. */
  get maxPayload(): number {
    return this.#payload;
  }

  /** Waits for `patience` ms for a session; for ever if that is undefined. Throws `MESH_UNREACHABLE` and the signal's reason. */
  async session(patience: number | undefined, signal?: AbortSignal): Promise<Session> {
    signal?.throwIfAborted();
    this.closed.throwIfAborted();
    if (this.#session !== undefined) return this.#session;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = patience === undefined ? undefined : this.options.clock.after(patience, () => reject(this.#linkError()));
    const abort = (): void => reject((signal?.aborted === true ? signal.reason : this.closed.reason) as Error);
    for (const end of [signal, this.closed]) end?.addEventListener('abort', abort, { once: true });
    this.#waiting.add(resolve);
    try {
      await promise;
    } finally {
      cancel?.();
      this.#waiting.delete(resolve);
      for (const end of [signal, this.closed]) end?.removeEventListener('abort', abort);
    }
    return await this.session(patience, signal);
  }

  /** Listens in this session and all that come. */
  listen(subject: string, listener: (message: Msg) => void): Disposable {
    if (this.closed.aborted) return { [Symbol.dispose]: () => undefined };
    const ear: Ear = { subject, listener, at: this.#session?.listen(subject, listener) };
    this.#ears.add(ear);
    return {
      [Symbol.dispose]: () => {
        if (this.#ears.delete(ear)) ear.at?.[Symbol.dispose]();
      },
    };
  }

  /** Tells what nobody waits for. */
  fault(error: DocketError): void {
    if (error.message === this.#lastFault) return;
    this.#lastFault = error.message;
    this.options.onFault?.(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed.aborted) return;
    this.#closing.abort(new DocketError('MESH_UNREACHABLE', `${this.options.self} has left the mesh`));
    const session = this.#session;
    this.#session = undefined;
    this.#ears.clear();
    this.#links.clear();
    if (session === undefined) return;
    // What was sent last, such as a farewell, is to arrive; but nobody waits for a server that is paused.
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.options.clock.after(FAREWELL, resolve);
    await Promise.race([session.confirm().catch(() => undefined), promise]);
    cancel();
    session.lose(undefined);
  }

  #use(session: Session): void {
    this.#session = session;
    this.#payload = session.maxPayload;
    this.#told = session.peers.flatMap((peer) => this.#addressOf(peer));
    this.#lastFault = '';
    for (const ear of this.#ears) ear.at = session.listen(ear.subject, ear.listener);
    session.lost.addEventListener('abort', () => this.#lost(session), { once: true });
    if (session.lost.aborted) return this.#lost(session);
    this.#setLink({ tag: 'up', since: this.options.clock.monotonic() });
    for (const wake of [...this.#waiting]) wake();
  }

  #lost(session: Session): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    for (const ear of this.#ears) ear.at = undefined;
    this.#setLink({ tag: 'down', since: this.options.clock.monotonic(), error: session.lost.reason as Error });
    void this.#search();
  }

  async #search(): Promise<void> {
    for (let round = 1; !this.closed.aborted; round++) {
      // Members that lost the same server do not all come back at once.
      await this.#pause(Math.min(PAUSE * 2 ** (round - 1), LONGEST_PAUSE) * (0.5 + Math.random()));
      if (this.closed.aborted) return;
      try {
        const session = await this.#findSession();
        if (this.closed.aborted) session.lose(undefined);
        else this.#use(session);
        return;
      } catch (error) {
        if (this.#link.tag === 'down') this.#link = { ...this.#link, error: error as Error };
        if (!isDocketError(error, 'MESH_UNREACHABLE')) this.fault(error as DocketError);
      }
    }
  }

  /** The first server that takes it. Throws what the last one said, rather one that spoke than one that is not reached. */
  async #findSession(): Promise<Session> {
    let problem: unknown;
    const all = shuffled(this.#given).concat(shuffled(this.#told));
    const isLast = ({ host, port }: ServerAddress): boolean => host === this.#last?.host && port === this.#last.port;
    for (const address of [...all.filter((each) => !isLast(each)), ...all.filter(isLast)]) {
      if (this.closed.aborted) break;
      try {
        const session = await this.#connect(address);
        this.#last = address;
        return session;
      } catch (error) {
        if (problem === undefined || isDocketError(problem, 'MESH_UNREACHABLE')) problem = error;
      }
    }
    throw problem ?? this.closed.reason;
  }

  async #connect(address: ServerAddress): Promise<Session> {
    const { clock } = this.options;
    await awaitGreeting(address, STEP, clock);
    const nats = await logIn(address, this.options, STEP);
    const session = new Session(nats, { inbox: this.#inbox, clock, onFault: (fault) => this.fault(fault) });
    try {
      await session.confirm();
      return session;
    } catch (error) {
      session.lose(error as Error);
      throw session.lost.reason;
    }
  }

  #addressOf(peer: string): readonly ServerAddress[] {
    const [first] = this.#given;
    if (first === undefined) return [];
    try {
      const { host, port } = parseServer(peer);
      if (this.#given.some((given) => given.host === host && given.port === port)) return [];
      return [{ ...first, host, port }];
    } catch {
      // An address the server made up is no reason to leave it.
      return [];
    }
  }

  #setLink(link: Link): void {
    this.#link = link;
    for (const listener of [...this.#links]) listener(link);
  }

  #linkError(): Error {
    if (this.#link.tag === 'down') return this.#link.error;
    return new DocketError('MESH_UNREACHABLE', 'the engine of the mesh was lost again and again');
  }

  /** Ends at once when it is closed. */
  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.options.clock.after(ms, resolve);
    const end = (): void => resolve();
    this.closed.addEventListener('abort', end, { once: true });
    await promise;
    cancel();
    this.closed.removeEventListener('abort', end);
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
