import { DocketError, isDocketError } from '../errors.ts';
import type { Reply } from './route.ts';

/** An error as RFC 9457 has it; the reply to a HEAD, which has no body, tells its code too. What is not ours to tell (the agent's own faults) is told by its code alone. */
export function problemReply(error: unknown): Reply {
  const known = isDocketError(error) ? error : new DocketError('INTERNAL', 'the agent failed to answer this request');
  const { code, message, next, details, place, http } = known;
  const body = {
    type: `urn:docket:error:${code}`,
    title: code,
    status: http,
    detail: message,
    code,
    next,
    ...(place === undefined ? {} : { place }),
    ...(http < 500 ? details : {}),
  };
  return {
    status: http,
    headers: { 'content-type': 'application/problem+json', 'docket-error': code, ...extra(known) },
    body: JSON.stringify(body),
  };
}

/** Headers that a status asks for. */
function extra({ code, details }: DocketError): Record<string, string> {
  if (code === 'UNAUTHORIZED') return { 'www-authenticate': 'Bearer, Basic realm="docket"' };
  if (code === 'METHOD_UNKNOWN') return { allow: String(details['allow']) };
  if (code === 'RANGE_INVALID') return { 'content-range': `bytes */${String(details['size'])}` };
  return {};
}
