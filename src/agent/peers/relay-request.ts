import { once } from 'node:events';
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { DocketError } from '../../errors.ts';
import { HOPS, type RelayedReply, type RelayedRequest } from '../../protocol/peers.ts';
import { invalid } from '../../store/agent-call.ts';
import type { Peers, PresentPeer } from './peers.ts';
import { verified } from './verified-body.ts';
import { keepVigil } from './vigil.ts';

/**
 * One request, handed on to one peer: streamed both ways, changed in nothing but what belongs to the connection and who is asked.
 *
 * Invariants
 * R1. Not a byte of the body is taken before the connection stands, so that a peer that cannot be reached leaves it whole for the next.
 * R2. A peer that says nothing may be at work: a job has no other sign of life. So silence alone ends nothing; from time to time the peer is asked whether it
 *     lives, and if it does not the request ends.
 * R3. When the caller goes away the request to the peer ends, and when the peer does the reply is cut, which is how HTTP tells that bytes are missing.
 * R4. Where a body ends is said on every request that has one, by its length or in chunks, and one without has none of either: else what is left of it would be
 *     the next request of whoever asks with this agent's token.
 * R5. Of a blob only a reply that is all of its bytes as they are goes on, and is verified; besides it what has no bytes of it: 304 and errors.
 */

/** How long a connection may take, in ms. */
const CONNECT = 5_000;

/** Of one connection, as RFC 9110 (7.6.1) has it, or said anew. */
const OWN: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'authorization',
  'origin',
  HOPS,
]);

/** How long the body is: of the message, whatever `Connection` says. */
const FRAME = 'content-length';

/** Who hands on. */
export interface Relayer {
  readonly did: string;
  readonly peers: Pick<Peers, 'clock' | 'isAlive'>;
}

/** A peer that was not reached, so that nothing was taken of the body. */
export class NotReached extends Error {}

/** Throws `NotReached`; `AGENT_TIMEOUT`, `AGENT_UNREACHABLE`, `AGENT_INVALID`; the signal's reason; what the body throws. */
export async function relayTo(peer: PresentPeer, request: RelayedRequest, relayer: Relayer): Promise<RelayedReply> {
  const { body, signal, digest, method } = request;
  const upstream = await connect(peer, request, relayer);
  const vigil = keepVigil(relayer.peers, peer.url);
  const until = AbortSignal.any([signal, vigil.signal]);
  const stop = (): void => void upstream.destroy(until.reason as Error);
  until.addEventListener('abort', stop, { once: true });
  const sent: { failure?: unknown } = {};
  // A peer may answer before it has all of the body, and want no more of it: what counts is the answer.
  const sending = body === undefined ? upstream.end() : pipeline(body, upstream).catch((error: unknown) => (sent.failure = error));
  let reply: IncomingMessage;
  try {
    [reply] = (await once(upstream, 'response')) as [IncomingMessage];
  } catch (error) {
    vigil.end();
    if (signal.aborted) throw signal.reason;
    await sending;
    throw sent.failure instanceof DocketError ? sent.failure : cut(peer.url, error);
  }
  reply.once('close', () => {
    vigil.end();
    until.removeEventListener('abort', stop);
  });
  const status = reply.statusCode ?? 0;
  const reason = refusal(reply, digest !== undefined);
  if (reason !== undefined) {
    upstream.destroy();
    throw invalid(peer.url, reason);
  }
  const headers = { ...passed(reply.headers), 'serval-proxied-from': peer.view.did };
  if (method === 'HEAD' || status === 204 || status === 304) {
    reply.resume();
    return { status, headers };
  }
  return { status, headers, body: () => (digest !== undefined && status === 200 ? verified(reply, digest) : reply) };
}

/** Why an answer cannot be passed on; undefined if it can be. */
function refusal({ statusCode = 0, headers }: IncomingMessage, isBlob: boolean): string | undefined {
  if (statusCode < 200 || statusCode > 599) return `it answers with status ${statusCode}`;
  if (!isBlob || statusCode >= 400 || statusCode === 304) return undefined;
  if (statusCode !== 200) return `it answers with status ${statusCode} where all of a blob is asked for`;
  // Who takes that off again has other bytes than those that were verified.
  const encoding = headers['content-encoding'];
  return encoding === undefined ? undefined : `it sends a blob with the content encoding ${encoding}`;
}

async function connect(peer: PresentPeer, request: RelayedRequest, { did, peers: { clock } }: Relayer): Promise<ClientRequest> {
  const { url, door } = peer;
  const { protocol, hostname, port, pathname } = new URL(url);
  const { request: open } = protocol === 'https:' ? await import('node:https') : await import('node:http');
  const headers: OutgoingHttpHeaders = {
    ...passed(request.headers),
    ...(door.token === undefined ? {} : { authorization: `Bearer ${door.token}` }),
    [HOPS]: String(request.hops + 1),
    'serval-proxied-for': did,
  };
  // A part cannot be verified, so the whole is asked for, which may always be the answer. Nor can what is packed.
  if (request.digest !== undefined) for (const name of ['range', 'if-range', 'accept-encoding']) delete headers[name];
  if (request.body === undefined) delete headers[FRAME];
  // Where the method mostly has no body Node would send it with no framing at all.
  else if (headers[FRAME] === undefined) headers['transfer-encoding'] = 'chunked';
  // A connection of its own: one that was used before may be gone, which shows only when the body is.
  const upstream = open({
    protocol,
    // As a URL the path would be put in order, and be another one.
    host: hostname.replace(/^\[|\]$/g, ''),
    port,
    path: `${pathname.replace(/\/+$/, '')}${request.path}`,
    method: request.method,
    headers: { ...headers, host: new URL(url).host },
    agent: false,
  });
  upstream.on('error', () => {});
  const cancel = clock.after(CONNECT, () => upstream.destroy(new Error('it did not take the connection in time')));
  try {
    const [socket] = (await once(upstream, 'socket', { signal: request.signal })) as [NonNullable<ClientRequest['socket']>];
    await once(socket, protocol === 'https:' ? 'secureConnect' : 'connect', { signal: request.signal });
    socket.setNoDelay(true);
    return upstream;
  } catch (cause) {
    upstream.destroy();
    if (request.signal.aborted) throw request.signal.reason;
    throw new NotReached(`${url}: ${(cause as Error).message}`, { cause });
  } finally {
    cancel();
  }
}

function passed(headers: Readonly<Record<string, string | readonly string[] | undefined>>): Record<string, string> {
  const connection = headers['connection'];
  const named = typeof connection === 'string' ? connection.toLowerCase().split(/\s*,\s*/) : [];
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || OWN.has(name) || (named.includes(name) && name !== FRAME)
        ? []
        : [[name, typeof value === 'string' ? value : value.join(', ')]],
    ),
  );
}

function cut(url: string, cause: unknown): DocketError {
  if (cause instanceof DocketError) return cause;
  return new DocketError('AGENT_UNREACHABLE', `the agent at ${url} cut the connection: ${(cause as Error).message}`, { cause });
}
