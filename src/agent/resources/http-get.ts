import { lookup as resolveName, type LookupAddress } from 'node:dns';
import { once } from 'node:events';
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { LookupFunction } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { DocketError, isDocketError, systemCode } from '../../errors.ts';
import { checkUrl, type FetchPolicy, isNamed, isPublicAddress, privateHost } from './fetch-policy.ts';

/**
 * One GET of a stranger's server.
 *
 * Invariants
 * G1. Every request, also one that a redirect led to, is allowed by the policy; of a host that was not named the very address that is connected to is looked
 *     at, so that a name cannot be public when it is asked and private when it is used.
 * G2. No state is without a timer out of it: a server that does not answer within `idle` ms, or sends less than `FLOOR` bytes in as many, is given up.
 * G3. At most `MOST_REDIRECTS` redirects are followed. Nothing of ours is sent: no cookies, no token, no referrer.
 * G4. Who stops reading closes the connection.
 */

export interface Getting {
  readonly policy: FetchPolicy;
  /** How long a server may keep us waiting, in ms. */
  readonly idle: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** To be disposed of, read or not, which closes the connection. */
export interface Got extends Disposable {
  readonly status: number;
  /** Without parameters, in small letters. */
  readonly type: string;
  /** Bytes of the body, if that is said. */
  readonly length: number | undefined;
  /** To be read once. Throws `RESOURCE_UNREACHABLE`. */
  readonly body: AsyncIterable<Uint8Array>;
}

const MOST_REDIRECTS = 5;
/** Bytes in `idle` ms, below which a server sends for ever without ever being silent. */
const FLOOR = 4_096;

/** Gives whatever the server answers, but redirects. Throws `RESOURCE_UNREACHABLE` if it does not, `RESOURCE_REFUSED`, and the signal's reason. */
export async function httpGet(address: string, accept: string, getting: Getting): Promise<Got> {
  let url = new URL(address);
  for (let hops = 0; ; hops++) {
    checkUrl(getting.policy, url);
    const got = await getOnce(url, accept, getting);
    const { location } = got;
    if (location === undefined) return got;
    got[Symbol.dispose]();
    if (hops === MOST_REDIRECTS)
      throw unreachable(url, `more than ${MOST_REDIRECTS} redirects, the last to ${location}`, { status: got.status });
    if (location === '') throw unreachable(url, 'a redirect to nowhere', { status: got.status });
    if (!URL.canParse(location, url.href)) throw unreachable(url, 'a redirect to what is no URL', { status: got.status });
    url = new URL(location, url);
  }
}

async function getOnce(
  url: URL,
  accept: string,
  { policy, idle, clock, signal }: Getting,
): Promise<Got & { readonly location: string | undefined }> {
  signal.throwIfAborted();
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const stop = new AbortController();
  const watch = new Floor(clock, idle, () => stop.abort(unreachable(url, `it sent nothing, or next to nothing, for ${idle / 1000} s`)));
  const onAbort = (): void => stop.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const options: RequestOptions = {
    headers: { accept, 'accept-encoding': 'identity', 'user-agent': 'docket' },
    agent: false,
    lookup: isNamed(policy, url) ? anywhere : publicOnly(url),
  };
  const sent = request(url, options);
  stop.signal.addEventListener('abort', () => sent.destroy(stop.signal.reason as Error), { once: true });
  const failure = (error: unknown): unknown => {
    if (stop.signal.aborted) return stop.signal.reason;
    return isDocketError(error) ? error : unreachable(url, systemCode(error) ?? (error as Error).message, { cause: error });
  };
  const leave = (): void => {
    watch.end();
    signal.removeEventListener('abort', onAbort);
    sent.destroy();
  };
  try {
    // Errors that come after the reply are those of the reply.
    sent.on('error', () => {});
    sent.end();
    const [reply] = (await once(sent, 'response')) as [IncomingMessage];
    const status = reply.statusCode ?? 0;
    const { 'content-encoding': encoding = 'identity' } = reply.headers;
    // It was not asked for, and is not unpacked: a few bytes may stand for as many as one likes.
    if (status === 200 && !/^\s*(identity)?\s*$/i.test(encoding))
      throw new DocketError('RESOURCE_INVALID', `${url.href} is sent as ${JSON.stringify(encoding)}, which is not unpacked here`);
    return {
      status,
      type: (reply.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase(),
      location: status >= 300 && status < 400 && status !== 304 ? (reply.headers.location ?? '') : undefined,
      length: lengthOf(reply.headers['content-length']),
      body: bodyOf(reply, { watch, failure, leave }),
      [Symbol.dispose]: leave,
    };
  } catch (error) {
    leave();
    throw failure(error);
  }
}

function lengthOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}

interface Ends {
  readonly watch: Floor;
  readonly failure: (error: unknown) => unknown;
  readonly leave: () => void;
}

async function* bodyOf(reply: IncomingMessage, { watch, failure, leave }: Ends): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of reply as AsyncIterable<Uint8Array>) {
      watch.came(chunk.length);
      yield chunk;
    }
  } catch (error) {
    throw failure(error);
  } finally {
    leave();
  }
}

/** Gives up who sends too little: whatever came in the last span counts, so that a drop now and then is no sign of life. */
class Floor {
  readonly #clock: Clock;
  readonly #idle: number;
  readonly #onSilence: () => void;
  #came = 0;
  #cancel = (): void => {};

  constructor(clock: Clock, idle: number, onSilence: () => void) {
    this.#clock = clock;
    this.#idle = idle;
    this.#onSilence = onSilence;
    this.#next();
  }

  came(bytes: number): void {
    this.#came += bytes;
  }

  end(): void {
    this.#cancel();
  }

  #next(): void {
    this.#cancel = this.#clock.after(this.#idle, () => {
      if (this.#came < FLOOR) return this.#onSilence();
      this.#came = 0;
      this.#next();
    });
  }
}

/** Names below `localhost` are this machine (RFC 6761), which not every resolver knows, and where Kubo's own gateway leads. */
const anywhere: LookupFunction = (hostname, options, callback) => {
  resolveName(hostname.endsWith('.localhost') ? 'localhost' : hostname, options, callback as never);
};

/** Of a host only those addresses that are public. */
function publicOnly(url: URL): LookupFunction {
  return (hostname, options, callback) => {
    resolveName(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return callback(error, '', 0);
      const found = addresses.filter(({ address }) => isPublicAddress(address));
      const [first] = found;
      if (first === undefined) return callback(privateHost(url.host), '', 0);
      if (options.all === true) callback(null, found);
      else callback(null, first.address, first.family);
    });
  };
}

/** With the `status` that was answered, if there was one. */
export function unreachable(
  url: URL | string,
  why: string,
  { status, cause }: { readonly status?: number; readonly cause?: unknown } = {},
): DocketError {
  return new DocketError('RESOURCE_UNREACHABLE', `${typeof url === 'string' ? url : url.href}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    details: status === undefined ? {} : { status },
  });
}
