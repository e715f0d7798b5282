import type { IncomingMessage } from 'node:http';
import { DocketError } from '../errors.ts';

/** Who sends a body and then falls silent is waited for no longer than this, in ms. */
export const BODY_IDLE = 30_000;

/** The bytes a caller sends; one that falls silent in the middle is cut off. */
export async function* awake(request: IncomingMessage, idle: number): AsyncGenerator<Uint8Array> {
  request.setTimeout(idle, () => request.destroy());
  try {
    // Whoever is refused in the middle is to hear why, so the connection is not cut at once.
    yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  } finally {
    request.setTimeout(0);
  }
}

/** The bytes of a body, no more than `limit`. Throws `BODY_TOO_LARGE`, at once if the sender says how many will come. */
export function limited(
  source: AsyncIterable<Uint8Array>,
  limit: number | undefined,
  announced: string | undefined,
): AsyncIterable<Uint8Array> {
  if (limit === undefined) return source;
  if (Number(announced) > limit) throw tooLarge(limit);
  return counted(source, limit);
}

async function* counted(source: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit);
    yield chunk;
  }
}

/** Throws `REQUEST_INVALID` for bytes that are no text in UTF-8. */
export function asText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new DocketError('REQUEST_INVALID', 'the body is no text in UTF-8');
  }
}

/** Throws `REQUEST_INVALID`. */
export function asJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(asText(bytes));
  } catch (cause) {
    if (cause instanceof DocketError) throw cause;
    throw new DocketError('REQUEST_INVALID', `the body is not JSON: ${(cause as Error).message}`);
  }
}

function tooLarge(limit: number): DocketError {
  return new DocketError('BODY_TOO_LARGE', `the body has more than ${limit} bytes`, { details: { limit } });
}
