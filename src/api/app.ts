import type { IncomingMessage, ServerResponse } from 'node:http';
import { METHOD_NAME_ALL, type Router } from 'hono/router';
import { RegExpRouter } from 'hono/router/reg-exp-router';
import { SmartRouter } from 'hono/router/smart-router';
import { TrieRouter } from 'hono/router/trie-router';
import type { z } from 'zod';
import { DocketError } from '../errors.ts';
import type { Access } from './access.ts';
import type { HttpMetrics, Watch } from './http-metrics.ts';
import { HOPS, type PeerService } from '../protocol/peers.ts';
import type { Rights } from '../protocol/rights.ts';
import { problemReply } from './problem.ts';
import type { RateLimit } from './rate-limit.ts';
import { relay } from './relay.ts';
import { BodyMemory, type HeldBody } from './body-memory.ts';
import { asJson, awake, BODY_IDLE, limited } from './request-body.ts';
import { type RequestTarget, requestTarget } from './request-target.ts';
import type { ApiRequest, Reply, Route } from './route.ts';
import { hangUp, send } from './send.ts';

/** Bytes of a JSON body, where a route says nothing else. Ten thousand CIDs are less. */
const MOST_JSON = 2 ** 20;

const NOTHING: Rights = { scopes: [] };

/** A request with its reply to be. */
interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** What a path and a method lead to. */
interface Endpoint {
  readonly watch: Watch;
  readonly answer: (exchange: Exchange, target: RequestTarget, params: Params) => Promise<Reply> | Reply;
}

interface AppOptions {
  /** How long a body may stand still, in ms; default 30 s. */
  readonly bodyIdle?: number;
  /** Is told of every reply. */
  readonly metrics?: HttpMetrics;
  /** Undefined for as many requests as come. */
  readonly rate?: RateLimit | undefined;
  /** Undefined if the agent has every role. */
  readonly peers?: PeerService;
  /** For bodies that are held whole; default 256 MiB for all of them. */
  readonly bodies?: BodyMemory;
}

const NOBODY: Watch = () => {};

/**
 * Serves routes: checks who asks and what, and tells errors as problems. Hono's router finds the route; the rest of Hono and its adapter, which make a `Request` and
 * a `Response` of the web for each of Node's, would cost more than all else of a small request.
 */
export function createApp(
  routes: readonly Route[],
  access: Access,
  { bodyIdle = BODY_IDLE, metrics, rate, peers, bodies = new BodyMemory() }: AppOptions = {},
): (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void> {
  const router = new SmartRouter<Endpoint>({ routers: [new RegExpRouter(), new TrieRouter()] });
  const watches = new Map([...routes.map(({ path }) => path), 'none'].map((path) => [path, metrics?.of(path) ?? NOBODY]));
  const watchOf = (path: string): Watch => watches.get(path) ?? NOBODY;
  for (const route of routes) {
    const { scope, forModules = false } = route;
    const answer: Endpoint['answer'] = async (exchange, target, matched) => {
      const { headers } = exchange.incoming;
      const rights = scope === undefined ? NOTHING : access.check(scope, headers.authorization, forModules);
      const hops = hopsOf(headers[HOPS]);
      const params = paramsOf(target, matched, route);
      if (route.relay !== undefined && peers?.roles.includes(route.relay.role) === false) {
        const relayed = await relay(peers, { route, relaying: route.relay, params, target, rights, hops, bodyIdle, ...exchange });
        if (relayed !== undefined) return relayed;
      }
      using held = bodies.open();
      return await route.handle(await read(exchange, route, { params, search: target.search, rights, hops, bodyIdle, held }));
    };
    router.add(route.method, route.path, { watch: watchOf(route.path), answer });
  }
  for (const [path, methods] of methodsByPath(routes)) {
    const answer = (): never => {
      throw new DocketError('METHOD_UNKNOWN', `there is ${methods} here`, { details: { allow: methods } });
    };
    router.add(METHOD_NAME_ALL, path, { watch: watchOf(path), answer });
  }
  return async (incoming, outgoing) => {
    const began = performance.now();
    let watch = watchOf('none');
    let reply: Reply;
    try {
      const { headers, socket, method = '', url = '' } = incoming;
      const target = requestTarget(url);
      const found = match(router, method === 'HEAD' ? 'GET' : method, target.plain);
      if (found !== undefined) ({ watch } = found.endpoint);
      rate?.take(access.clientOf(headers.authorization, socket.remoteAddress));
      access.checkOrigin(headers.host, headers.origin, socket.localAddress);
      if (found === undefined) throw new DocketError('ROUTE_UNKNOWN', `there is nothing at ${target.path}`);
      reply = await found.endpoint.answer({ incoming, outgoing }, target, found.params);
    } catch (error) {
      reply = problemReply(error);
    }
    try {
      await send(incoming, outgoing, reply);
    } catch {
      // Headers that cannot be: half a reply is none.
      outgoing.destroy();
    }
    watch(incoming.method, reply.status, performance.now() - began);
  };
}

type Params = Readonly<Record<string, string>>;

/** The first that was added of those that match. */
function match(
  router: Router<Endpoint>,
  method: string,
  path: string,
): { readonly endpoint: Endpoint; readonly params: Params } | undefined {
  const [matches, stash] = router.match(method, path);
  const first = matches[0];
  if (first === undefined) return undefined;
  const params: Record<string, string> = {};
  for (const [name, value] of Object.entries(first[1])) {
    const text = typeof value === 'number' ? stash?.[value] : value;
    if (text !== undefined) params[name] = decodeURIComponent(text);
  }
  return { endpoint: first[0], params };
}

function methodsByPath(routes: readonly Route[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { path, method } of routes) {
    const own = method === 'GET' ? 'GET, HEAD' : method;
    found.set(path, found.has(path) ? `${found.get(path)}, ${own}` : own);
  }
  return found;
}

interface Reading extends Pick<ApiRequest, 'params' | 'rights' | 'hops'> {
  readonly search: string;
  readonly bodyIdle: number;
  readonly held: HeldBody;
}

async function read(
  { incoming, outgoing }: Exchange,
  route: Route,
  { params, search, rights, hops, bodyIdle, held }: Reading,
): Promise<ApiRequest> {
  const body = (limit: number | undefined): AsyncIterable<Uint8Array> =>
    limited(awake(incoming, bodyIdle), limit, incoming.headers['content-length']);
  const query = route.query === undefined ? undefined : checked(route.query, queryOf(search), 'query');
  const bytes = route.bytes === undefined ? nothing() : body(route.bytes.limit);
  let signal: AbortSignal | undefined;
  return {
    params,
    query,
    json: route.json === undefined ? undefined : checked(route.json, asJson(await held.all(body(route.jsonLimit ?? MOST_JSON))), 'body'),
    bytes,
    whole: () => held.all(bytes),
    rights,
    hops,
    header: (name) => incoming.headers[name] as string | undefined,
    // Most requests are over before anybody could go away.
    get signal() {
      return (signal ??= hangUp(outgoing));
    },
  };
}

function paramsOf({ plain }: RequestTarget, params: Params, { path, params: schema }: Route): unknown {
  if (schema === undefined) return undefined;
  return checked(schema, path.endsWith('*') ? { rest: decodeURIComponent(plain.slice(path.length - 1)) } : params, 'path');
}

/** Of a name that stands there twice, the first counts. */
function queryOf(search: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(search)) query[name] ??= value;
  return query;
}

function checked(schema: z.ZodType | undefined, value: unknown, where: string): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => ({ at: path.join('.'), message }));
  const [first] = problems;
  throw new DocketError('REQUEST_INVALID', `the ${where} is wrong${first?.at ? ` at ${first.at}` : ''}: ${first?.message ?? ''}`, {
    details: { problems },
  });
}

/** Throws `REQUEST_INVALID`. */
function hopsOf(header: string | string[] | undefined): number {
  if (header === undefined) return 0;
  if (typeof header === 'string' && /^\d{1,3}$/.test(header)) return Number(header);
  throw new DocketError('REQUEST_INVALID', `the header ${HOPS} is no number`);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
