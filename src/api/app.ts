import { type HttpBindings, RequestError } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type Context, Hono } from 'hono';
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
import type { ApiRequest, Reply, Route } from './route.ts';
import { hangUp, send } from './send.ts';

/** Bytes of a JSON body, where a route says nothing else. Ten thousand CIDs are less. */
const MOST_JSON = 2 ** 20;

const NOTHING: Rights = { scopes: [] };

type Env = { readonly Bindings: HttpBindings };

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

/** Serves routes: checks who asks and what, and tells errors as problems. */
export function createApp(
  routes: readonly Route[],
  access: Access,
  { bodyIdle = BODY_IDLE, metrics, rate, peers, bodies = new BodyMemory() }: AppOptions = {},
): Hono<Env> {
  const app = new Hono<Env>();
  const answer = async (
    { env: { incoming, outgoing } }: Context<Env>,
    watch: Watch,
    reply: () => Promise<Reply> | Reply,
  ): Promise<Response> => {
    const began = performance.now();
    let made: Reply;
    try {
      const { headers, socket } = incoming;
      rate?.take(access.clientOf(headers.authorization, socket.remoteAddress));
      access.checkOrigin(headers.host, headers.origin, socket.localAddress);
      made = await reply();
    } catch (error) {
      made = problemReply(error);
    }
    await send(incoming, outgoing, made);
    watch(incoming.method, made.status, performance.now() - began);
    return RESPONSE_ALREADY_SENT;
  };
  const watches = new Map([...routes.map(({ path }) => path), 'none'].map((path) => [path, metrics?.of(path) ?? NOBODY]));
  const watchOf = (path: string): Watch => watches.get(path) ?? NOBODY;
  for (const route of routes) {
    const watch = watchOf(route.path);
    const { scope, forModules = false } = route;
    app.on(route.method, route.path, (c) =>
      answer(c, watch, async () => {
        const rights = scope === undefined ? NOTHING : access.check(scope, c.env.incoming.headers.authorization, forModules);
        const hops = hopsOf(c.env.incoming.headers[HOPS]);
        if (route.relay !== undefined && peers?.roles.includes(route.relay.role) === false) {
          const relayed = await relay(peers, {
            route,
            relaying: route.relay,
            params: paramsOf(c, route),
            url: c.req.url,
            rights,
            hops,
            bodyIdle,
            ...c.env,
          });
          if (relayed !== undefined) return relayed;
        }
        using held = bodies.open();
        return await route.handle(await read(c, route, { rights, hops, bodyIdle, held }));
      }),
    );
  }
  for (const [path, methods] of methodsByPath(routes)) {
    const unknown = (): never => {
      throw new DocketError('METHOD_UNKNOWN', `there is ${methods} here`, { details: { allow: methods } });
    };
    app.all(path, (c) => answer(c, watchOf(path), unknown));
  }
  app.notFound((c) =>
    answer(c, watchOf('none'), () => {
      throw new DocketError('ROUTE_UNKNOWN', `there is nothing at ${c.req.path}`);
    }),
  );
  return app;
}

/** The reply to what the server below refused: a URL or a `Host` header that cannot be. */
export function refusedReply(error: unknown): Response {
  const known = error instanceof RequestError ? new DocketError('REQUEST_INVALID', `the request cannot be read: ${error.message}`) : error;
  const { status, headers = {}, body } = problemReply(known);
  return new Response(String(body), { status, headers });
}

function methodsByPath(routes: readonly Route[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { path, method } of routes) {
    const own = method === 'GET' ? 'GET, HEAD' : method;
    found.set(path, found.has(path) ? `${found.get(path)}, ${own}` : own);
  }
  return found;
}

interface Reading {
  readonly rights: Rights;
  readonly hops: number;
  readonly bodyIdle: number;
  readonly held: HeldBody;
}

async function read(c: Context<Env>, route: Route, { rights, hops, bodyIdle, held }: Reading): Promise<ApiRequest> {
  const { incoming, outgoing } = c.env;
  const body = (limit: number | undefined): AsyncIterable<Uint8Array> =>
    limited(awake(incoming, bodyIdle), limit, incoming.headers['content-length']);
  const params = paramsOf(c, route);
  const query = route.query === undefined ? undefined : checked(route.query, c.req.query(), 'query');
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

function paramsOf(c: Context<Env>, route: Route): unknown {
  return checked(route.params, pathParams(c, route), 'path');
}

function pathParams(c: Context<Env>, { path }: Route): Record<string, string> {
  if (!path.endsWith('*')) return c.req.param();
  try {
    return { rest: decodeURIComponent(c.req.path.slice(path.length - 1)) };
  } catch {
    throw new DocketError('REQUEST_INVALID', 'the path holds a % that stands for nothing');
  }
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
