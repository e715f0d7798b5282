import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { systemCode } from '../../errors.ts';
import { HOPS, MOST_HOPS } from '../../protocol/peers.ts';
import type { AgentDoor } from '../../store/agent-call.ts';
import { DoorShut, openConnection, reasonOf } from './door-connection.ts';
import type { Way, Ways } from './ways.ts';

/**
 * Requests to another member, made as `fetch` makes them, through its door.
 *
 * Invariants
 * F1. Nothing of a body is taken before the connection stands; so where there is none, the door is asked for anew and all of it goes there.
 * F2. A connection that was kept may be gone, which shows when it is used: a request whose body can be sent again is, once, on a fresh one. A stream gets a connection
 *     of its own.
 * F3. The token of the door is given to whoever let us in by its key, and to nobody else. Redirects are not followed.
 * F4. Whoever stops reading closes the connection; who aborts ends the request wherever it is.
 */

/** A member as the clients of agents take it; what it has not it asks nobody else for. */
export function doorAt(ways: Ways, did: string): AgentDoor {
  return { url: `${BASE}${did}`, fetch: memberFetch(ways, did), headers: { [HOPS]: String(MOST_HOPS) }, clock: ways.clock };
}

/** What is before a DID in the addresses of members, which lead nowhere else. */
const BASE = 'https://mesh/';

/** For addresses that begin as that of `doorAt`. Throws `DoorShut`, `MESH_UNREACHABLE`, the signal's reason. */
function memberFetch(ways: Ways, did: string): NonNullable<AgentDoor['fetch']> {
  const prefix = `${BASE}${did}`;
  return async (url, init) => {
    if (!url.startsWith(prefix)) throw new TypeError(`${url} is no address at ${did}`);
    const path = url.slice(prefix.length);
    const signal = init.signal ?? undefined;
    const way = await ways.to(did, signal);
    let reply: IncomingMessage;
    try {
      reply = await send(ways, did, way, { path, init, signal });
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof DoorShut)) throw error;
      reply = await send(ways, did, await ways.anew(did, way, signal), { path, init, signal });
    }
    return responseOf(reply, init.method);
  };
}

interface Sending {
  readonly path: string;
  readonly init: RequestInit;
  readonly signal: AbortSignal | undefined;
}

async function send(ways: Ways, did: string, way: Way, sending: Sending): Promise<IncomingMessage> {
  const { init } = sending;
  if (init.body instanceof ReadableStream) {
    const { socket } = await openConnection(did, way.door, ways.clock, sending.signal);
    const own = open(way, sending, Object.assign(new Agent({ keepAlive: false }), { createConnection: () => socket }));
    // What counts is the answer, which may come before all was sent.
    pipeline(Readable.fromWeb(init.body), own).catch(() => undefined);
    return await answerTo(own);
  }
  const attempt = (): { readonly request: ClientRequest; readonly answer: Promise<IncomingMessage> } => {
    const kept = open(way, sending, way.agent);
    const answer = answerTo(kept);
    kept.end(init.body ?? undefined);
    return { request: kept, answer };
  };
  const first = attempt();
  try {
    return await first.answer;
  } catch (error) {
    sending.signal?.throwIfAborted();
    if (!way.agent.wasOpen(first.request.socket)) throw shut(did, way, error);
    if (!first.request.reusedSocket || !isCut(error)) throw error;
  }
  const second = attempt();
  try {
    return await second.answer;
  } catch (error) {
    throw way.agent.wasOpen(second.request.socket) ? error : shut(did, way, error);
  }
}

function shut(did: string, { host, door }: Way, error: unknown): DoorShut {
  return new DoorShut(did, `${host}:${door.port}: ${reasonOf(error as Error)}`, error);
}

function open(way: Way, { path, init, signal }: Sending, agent: Agent): ClientRequest {
  const { host } = way;
  const headers: OutgoingHttpHeaders = {
    ...(init.headers as Record<string, string>),
    host: `${host.includes(':') ? `[${host}]` : host}:${way.door.port}`,
    authorization: `Bearer ${way.door.token}`,
  };
  const options = { method: init.method ?? 'GET', path: path === '' ? '/' : path, headers, ...(signal === undefined ? {} : { signal }) };
  const made = request({ ...options, agent });
  // Whoever waits is told; nobody may.
  made.on('error', () => {});
  return made;
}

async function answerTo(made: ClientRequest): Promise<IncomingMessage> {
  const [reply] = (await once(made, 'response')) as [IncomingMessage];
  return reply;
}

function isCut(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ECONNRESET' || code === 'EPIPE';
}

/** Those that have no body, whatever is sent behind them. */
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304]);

function responseOf(reply: IncomingMessage, method: string | undefined): Response {
  const status = reply.statusCode ?? 0;
  if (status < 200 || status > 599) {
    reply.destroy();
    throw new TypeError(`it answers with status ${status}`);
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(reply.headers))
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) headers.append(name, one);
  if (method === 'HEAD' || EMPTY.has(status)) {
    reply.resume();
    return new Response(null, { status, headers });
  }
  const chunks = (reply as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => void reply.destroy(),
    },
    { highWaterMark: 0 },
  );
  return new Response(body as ConstructorParameters<typeof Response>[0], { status, headers });
}
