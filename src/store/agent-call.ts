import { type Clock, systemClock } from '../base/clock.ts';
import { DocketError, ERROR_CODES, type ErrorCode, isDocketError, systemCode } from '../errors.ts';
import { SentBody } from './sent-body.ts';
import { Watch } from './watch.ts';

/**
 * One request to an agent, by `fetch`.
 *
 * Invariants
 * 1. Silence ends it: whenever the agent is waited for (to connect, to take the next bytes, to go on) and nothing moves for `idle` ms, or to answer and nothing comes for
 *    `patience` ms, it is given up as `AGENT_TIMEOUT`. There is no bound over the whole, and a slow source or reader on this side is never taken for a silent agent.
 * 2. A reply is the agent's only if it says so: a problem is told by its code, and everything else (a redirect, a proxy's page) is `AGENT_INVALID`, never a
 *    "no". The token is sent to the address given and nowhere else.
 * 3. Who stops reading in the middle closes the connection.
 */

/** Where an agent is, and how it is talked to. */
export interface AgentDoor {
  /** `http://host:port`, with or without a path before the API's own. */
  readonly url: string;
  readonly token?: string;
  /** Default: the platform's. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** On every request, beside the token. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long nothing may move while the agent is waited for, in ms; default a minute. */
  readonly idle?: number;
  /**
   * How long an answer may take to begin, in ms; default five minutes, and no more than that: it is Node's own bound. An agent hashes a blob before it sends
   * its first byte, or fetches it from elsewhere, and syncs what it was sent before it answers.
   */
  readonly patience?: number;
  readonly clock?: Clock;
}

interface Call {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** From the API's root on: `/v1/blobs`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
}

/** A reply that says yes. */
export interface Answer {
  readonly status: number;
  /** Undefined if it is not there. */
  readonly header: (name: string) => string | undefined;
  /** To be read, once, or discarded. Throws as `callAgent`. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the request, whatever was read of it. */
  readonly discard: () => void;
}

const IDLE = 60_000;
const PATIENCE = 300_000;
/** Bytes of a problem or of a small document. */
const MOST_DOCUMENT = 8 * 2 ** 20;

/** Throws `AGENT_TIMEOUT`, `AGENT_UNREACHABLE`, `AGENT_INVALID`, and whatever code the agent refuses with; the signal's reason; the failure of a body's source. */
export async function callAgent(door: AgentDoor, call: Call): Promise<Answer> {
  const { url, token, fetch = globalThis.fetch, headers, idle = IDLE, patience = PATIENCE, clock = systemClock } = door;
  call.signal?.throwIfAborted();
  const watch = new Watch(idle, clock, call.signal);
  const { body } = call;
  const sent = body === undefined || body instanceof Uint8Array ? undefined : new SentBody(body, watch, patience);
  const failure = (error: unknown): unknown => {
    if (watch.isSilent) return timeout(url);
    if (call.signal?.aborted === true) return call.signal.reason;
    if (isDocketError(error)) return error;
    return sent?.failure === undefined ? transportError(url, error) : sent.failure.cause;
  };
  const bearer = token === undefined ? {} : { authorization: `Bearer ${token}` };
  try {
    const reply = await watch.over(
      fetch(`${url.replace(/\/+$/, '')}${call.path}`, {
        method: call.method,
        // What a proxy compressed would not have the length it was announced with.
        headers: { 'accept-encoding': 'identity', ...headers, ...call.headers, ...bearer },
        redirect: 'manual',
        signal: watch.signal,
        ...(body === undefined ? {} : { body: sent?.stream ?? body, duplex: 'half' }),
      }),
      // What is sent as a stream says itself when the answer is waited for.
      sent === undefined ? patience : idle,
    );
    const answer: Answer = {
      status: reply.status,
      header: (name) => reply.headers.get(name) ?? undefined,
      body: chunks(reply, watch, failure),
      discard: () => watch.leave(),
    };
    if (reply.status < 200 || reply.status >= 300) throw await refusal(url, answer);
    return answer;
  } catch (error) {
    watch.leave();
    throw failure(error);
  }
}

/** The JSON document an agent answers with. Throws as `callAgent`; `AGENT_INVALID` if it is none. */
export async function askJson(door: AgentDoor, call: Call): Promise<unknown> {
  const text = await textOf(door.url, await callAgent(door, { ...call, headers: { accept: 'application/json', ...call.headers } }));
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(door.url, `its answer to ${call.path} is not JSON`);
  }
}

export function invalid(url: string, what: string): DocketError {
  return new DocketError('AGENT_INVALID', `the agent at ${url} does not answer as one: ${what}`);
}

/** A small answer, as text. Throws as its body. */
export async function textOf(url: string, { body }: Answer): Promise<string> {
  const decoder = new TextDecoder();
  let [text, size] = ['', 0];
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MOST_DOCUMENT) throw invalid(url, `its answer has more than ${MOST_DOCUMENT} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** What a reply that does not say yes says. */
async function refusal(url: string, answer: Answer): Promise<DocketError> {
  const { status, header } = answer;
  if (status < 400) return invalid(url, `it answers with status ${status}, and is not followed elsewhere`);
  // The reply to a HEAD has no body.
  const named = codeOf(header('docket-error'));
  const text = await textOf(url, answer);
  if (text === '')
    return named === undefined ? invalid(url, `it answers with status ${status}`) : new DocketError(named, `the agent at ${url} refused`);
  const problem = header('content-type')?.startsWith('application/problem+json') === true ? parsed(text) : {};
  const { code, detail, next, type: _, title: __, status: ___, place: ____, ...details } = problem;
  const known = codeOf(code);
  if (known === undefined) return invalid(url, `it answers with status ${status}`);
  return new DocketError(known, typeof detail === 'string' ? detail : known, {
    ...(typeof next === 'string' ? { next } : {}),
    details: { ...details, agent: url },
  });
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function codeOf(text: unknown): ErrorCode | undefined {
  return typeof text === 'string' && Object.hasOwn(ERROR_CODES, text) ? (text as ErrorCode) : undefined;
}

function transportError(url: string, error: unknown): DocketError {
  const code = systemCode(error) ?? systemCode((error as { cause?: unknown }).cause);
  if (code !== undefined && /TIMEDOUT|_TIMEOUT$/.test(code)) return timeout(url, error);
  return new DocketError(
    'AGENT_UNREACHABLE',
    `the agent at ${url} cannot be reached, or cut the connection: ${code ?? (error as Error).message}`,
    { cause: error },
  );
}

function timeout(url: string, cause?: unknown): DocketError {
  return new DocketError('AGENT_TIMEOUT', `the agent at ${url} did not answer in time`, { cause });
}

async function* chunks(reply: Response, watch: Watch, failure: (error: unknown) => unknown): AsyncGenerator<Uint8Array> {
  const reader = reply.body?.getReader();
  try {
    for (;;) {
      const next = reader === undefined ? undefined : await watch.over(reader.read());
      if (next === undefined || next.done) return watch.end();
      yield next.value;
      watch.signal.throwIfAborted();
    }
  } catch (error) {
    throw failure(error);
  } finally {
    // After the end there is nothing left to leave, but the connection is not to be closed: it serves the next request.
    if (!watch.isOver) watch.leave();
  }
}

/** For an answer without bytes. Throws as its body. */
export async function finish({ body }: Answer): Promise<void> {
  for await (const _ of body);
}
