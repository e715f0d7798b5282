import { Agent } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { DocketError } from '../../errors.ts';
import type { DoorKey } from '../../protocol/mesh/door.ts';
import { SHARED_KEY_TLS } from '../http-server.ts';

/**
 * Connections to the door of a member.
 *
 * C1. What does not show that it knows the key gets nothing: whoever else listens there fails the handshake, also with a certificate.
 * C2. All hosts together have `CONNECT` ms. The next is tried when one failed, or said nothing for `STAGGER` ms; the first that lets us in is taken, the others are left.
 */

/** How long it may take until one of the hosts has let us in, in ms. */
const CONNECT = 5_000;
/** How long one host is waited for before the next is tried too, as RFC 8305 has it, in ms. */
const STAGGER = 250;
/** Connections to one member at a time, and those kept for the next requests. */
const MOST = 16;
const MOST_IDLE = 4;

/** No connection was made: of a request nothing was sent. */
export class DoorShut extends DocketError {
  constructor(did: string, why: string, cause?: unknown) {
    super('AGENT_UNREACHABLE', `the door of ${did} cannot be reached: ${why}`, { cause, details: { agent: did } });
  }
}

/**
 * Keeps connections to one door, all by the host that let us in first. They are made at once and open by and by, since what an agent of Node counts against its bound is
 * what it was given.
 */
export class DoorAgent extends Agent {
  readonly #door: DoorKey;
  readonly #host: string;
  readonly #clock: Clock;
  #first: TLSSocket | undefined;
  readonly #open = new WeakSet<object>();

  /** `first`: a connection that stands. */
  constructor(first: TLSSocket, door: DoorKey, { host, clock }: { readonly host: string; readonly clock: Clock }) {
    super({ keepAlive: true, maxSockets: MOST, maxFreeSockets: MOST_IDLE, maxCachedSessions: 0 });
    this.#first = first;
    this.#door = door;
    this.#host = host;
    this.#clock = clock;
    this.#open.add(first);
  }

  override createConnection(): TLSSocket {
    const first = this.#first;
    this.#first = undefined;
    if (first?.writable === true) return first;
    const socket = attempt(this.#host, this.#door);
    const cancel = this.#clock.after(CONNECT, () => socket.destroy(new Error('it did not let us in in time')));
    socket.once('close', cancel).once('secureConnect', () => {
      cancel();
      this.#open.add(socket);
    });
    return socket.setNoDelay(true);
  }

  /** Whether a connection was let in, ever. */
  wasOpen(socket: object | null): boolean {
    return socket !== null && this.#open.has(socket);
  }

  override destroy(): void {
    this.#first?.destroy();
    super.destroy();
  }
}

interface Opened {
  readonly socket: TLSSocket;
  readonly host: string;
}

/** Throws `DoorShut`, the signal's reason. */
export async function openConnection(did: string, door: DoorKey, clock: Clock, signal?: AbortSignal): Promise<Opened> {
  signal?.throwIfAborted();
  const failures: string[] = [];
  const attempts = new Set<TLSSocket>();
  const first = Promise.withResolvers<Opened>();
  let left = door.hosts.length;
  const fail = (host: string, error: Error): void => {
    failures.push(`${host}:${door.port}: ${reasonOf(error)}`);
    if (--left === 0) first.reject(new DoorShut(did, failures.join('; '), error));
  };
  const hosts = door.hosts.values();
  let cancel = (): void => {};
  const next = (): void => {
    cancel();
    const { value: host, done } = hosts.next();
    if (done) return;
    cancel = clock.after(STAGGER, next);
    const socket = attempt(host, door);
    attempts.add(socket);
    socket.once('secureConnect', () => first.resolve({ socket, host }));
    socket.on('error', (error) => {
      // Also long after it was given away: without a listener it would end the process.
      if (!attempts.delete(socket)) return;
      fail(host, error);
      next();
    });
    socket.once('close', () => {
      if (!attempts.delete(socket)) return;
      fail(host, new Error('it closed the connection'));
      next();
    });
  };
  next();
  const cancelAll = clock.after(CONNECT, () => first.reject(new DoorShut(did, [...failures, 'nobody let us in in time'].join('; '))));
  const abort = (): void => first.reject(signal?.reason as Error);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const opened = await first.promise;
    attempts.delete(opened.socket);
    opened.socket.setNoDelay(true);
    return opened;
  } finally {
    cancel();
    cancelAll();
    signal?.removeEventListener('abort', abort);
    for (const other of [...attempts]) {
      attempts.delete(other);
      other.destroy();
    }
  }
}

function attempt(host: string, { port, identity, psk }: DoorKey): TLSSocket {
  return connect({
    host,
    port,
    ...SHARED_KEY_TLS,
    pskCallback: () => ({ identity, psk }),
    // Who does not take the key must show a certificate, since 1.3 has no other way. None is good here, whoever vouches for it.
    ca: [],
    checkServerIdentity: () => new Error('it does not know the key'),
  });
}

/** What OpenSSL says of a handshake is for its makers, but for the reason in it. */
export function reasonOf(error: Error): string {
  return 'reason' in error ? `it does not take the key (${String(error.reason)})` : error.message;
}
