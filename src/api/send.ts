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
  // What is left of a body that was refused is not worth reading: the connection ends with the reply.
  if (status >= 400 && !request.complete && hasBody(request)) response.shouldKeepAlive = false;
  const isHead = request.method === 'HEAD';
  if (typeof body === 'function') {
    if (isHead) response.writeHead(status, { ...ALWAYS, ...headers }).end();
    else await stream(request, response, { status, headers: headers ?? {}, body: body() });
    return;
  }
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const length = bytes === undefined ? {} : { 'content-length': String(bytes.length) };
  response.writeHead(status, { ...ALWAYS, ...length, ...headers });
  response.end(isHead ? undefined : bytes);
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
  response.writeHead(status, { ...ALWAYS, ...headers });
  // The caller went away, or the bytes did: there is nobody to tell.
  await pipeline(whole, response).catch(() => response.destroy());
}

function hasBody({ headers }: IncomingMessage): boolean {
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
