import type { IncomingMessage, ServerResponse } from 'node:http';
import { DocketError } from '../errors.ts';
import type { PeerService } from '../protocol/peers.ts';
import type { Rights } from '../protocol/rights.ts';
import type { RequestTarget } from './request-target.ts';
import { awake } from './request-body.ts';
import type { Relaying, Reply, Route } from './route.ts';
import { hangUp, hasBody } from './send.ts';

interface Incoming {
  readonly route: Route;
  readonly relaying: Relaying;
  readonly params: unknown;
  /** What was matched. */
  readonly target: RequestTarget;
  readonly rights: Rights;
  readonly hops: number;
  readonly bodyIdle: number;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** What a peer answers in place of this agent; undefined if it is answered here after all. Its limit on bodies is the peer's. */
export async function relay(
  peers: PeerService,
  { route, relaying, params, target, rights, hops, bodyIdle, incoming, outgoing }: Incoming,
): Promise<Reply | undefined> {
  const { role, blob, isHere, check } = relaying;
  if ((await isHere?.(params)) === true) return undefined;
  check?.(params, rights);
  const { headers } = incoming;
  const method = incoming.method ?? route.method;
  return await peers.relay({
    role,
    method,
    path: pathOf(target),
    headers,
    // Nobody reads a body where none is expected: not the peer either.
    body: takesBody(route) && hasBody(incoming) ? awake(incoming, bodyIdle) : undefined,
    digest: blob?.(params).multihash.digest,
    hops,
    signal: hangUp(outgoing),
  });
}

/** A peer is asked with this agent's own token, and would not know of the limits. Throws `FORBIDDEN`. */
export function refuseLimited({ limits }: Rights): void {
  if (limits !== undefined)
    throw new DocketError('FORBIDDEN', 'the token bounds what its jobs may use, and this agent has others run them');
}

/** What a plan asks for is given to whoever may do everything; a peer would take that for who asks with this agent's token. Throws `FORBIDDEN`. */
export function refuseUntrusted(rights: Rights): void {
  refuseLimited(rights);
  if (!rights.scopes.includes('admin'))
    throw new DocketError('FORBIDDEN', 'this agent has others run plans, and hands on those of whoever has the scope "admin" only', {
      next: 'Send the workflow instead of its plan, or use a token with the scope admin.',
    });
}

function takesBody({ json, bytes }: Route): boolean {
  return json !== undefined || bytes !== undefined;
}

/**
 * The path that was matched, with its query: what is handed on stands behind the peer's own path, which nothing in it may lead out of. Throws `REQUEST_INVALID`
 * for steps, escaped or not: nobody here takes them, but a server before the peer may.
 */
function pathOf({ path, search }: RequestTarget): string {
  if (
    path
      .replace(/%2f|%5c/gi, '/')
      .split('/')
      .some(isStep)
  )
    throw new DocketError('REQUEST_INVALID', 'the path holds a step to another folder, and this agent would hand it on');
  return `${path}${search}`;
}

function isStep(segment: string): boolean {
  return /^(?:\.|%2e){1,2}$/i.test(segment);
}
