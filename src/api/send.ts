import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { DocketError } from '../errors.ts';
import { problemReply } from './problem.ts';
import type { Reply } from './route.ts';

/** On every reply: blobs are whatever somebody stored, and no browser may take one for a page of ours. */
const ALWAYS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-clacks-overhead': 'GNU/Terry Pratchett',
};

/**
 * Sends a reply, streams as fast as they are taken. Written by hand to Node's own response: going through the web's `Response` costs more than all the rest of
 * a small request, and halves the rate of a large one. Where the bytes end before their time the connection is cut, which is how HTTP tells it.
 */
export async function send(request: IncomingMessage, response: ServerResponse, { status, headers, body }: Reply): Promise<void> {
  if (response.destroyed) return;
  // What is left of a body that was refused is not worth taking in: the connection ends with the reply.
  const isRefused = status >= 400 && !request.complete && hasBody(request);
  if (isRefused) response.shouldKeepAlive = false;
  const isHead = request.method === 'HEAD';
  if (typeof body === 'function') {
    if (isHead) response.writeHead(status, { ...ALWAYS, ...headers }).end();
    else await stream(request, response, { status, headers: headers ?? {}, body: body() });
    return;
  }
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  response.writeHead(status, { ...ALWAYS, ...length, ...headers });
  if (isRefused && !isHead && body !== undefined) {
    response.write(body);
    await lingered(request);
    response.end();
  } else response.end(isHead ? undefined : body);
}

/** How long the rest of a body that was refused is thrown away, in ms. */
const LINGER = 1_000;

/**
 * A connection that is closed while bytes come in is reset, and who sends them may lose the reply that says why they are not wanted. So they are let come, for a
 * while, until the sender has read it and stops.
 */
async function lingered(request: IncomingMessage): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, LINGER);
  request.once('end', over.resolve).once('close', over.resolve).once('error', over.resolve).resume();
  await over.promise;
  clearTimeout(timer);
}

interface Streamed extends Required<Omit<Reply, 'body'>> {
  readonly body: AsyncIterable<Uint8Array>;
}

/** Begins when the first bytes are there, so that what keeps them from coming is told by its code: a blob that is damaged, or gone since it was looked for. */
async function stream(request: IncomingMessage, response: ServerResponse, { status, headers, body }: Streamed): Promise<void> {
  const iterator = body[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array> | undefined;
  try {
    first = await iterator.next();
  } catch (error) {
    return await send(request, response, problemReply(error));
  }
  const whole: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => whole,
    next() {
      const taken = first;
      first = undefined;
      return taken === undefined ? iterator.next() : Promise.resolve(taken);
    },
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
  };
  if (response.destroyed) return void (await whole.return!());
  // Set one by one they can be read again: the server below tells by its type what is followed.
  for (const [name, value] of Object.entries({ ...ALWAYS, ...headers })) response.setHeader(name, value);
  response.writeHead(status);
  // The caller went away, or the bytes did: there is nobody to tell.
  await pipeline(whole, response).catch(() => response.destroy());
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Aborts when the caller goes away before it has its reply. */
export function hangUp(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const closed = (): void => {
    if (!response.writableFinished) gone.abort(new DocketError('CANCELLED', 'the caller went away'));
  };
  if (response.closed) closed();
  else response.once('close', closed);
  return gone.signal;
}
