import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type Context, Hono } from 'hono';
import type { z } from 'zod';
import { DocketError } from '../errors.ts';
import type { Access } from './access.ts';
import type { HttpMetrics, Watch } from './http-metrics.ts';
import type { Rights } from '../protocol/rights.ts';
import { problemReply } from './problem.ts';
import { asJson, awake, BODY_IDLE, limited, whole } from './request-body.ts';
import type { ApiRequest, Reply, Route } from './route.ts';
import { hangUp, send } from './send.ts';

/** Bytes of a JSON body. */
const MOST_JSON = 64 * 2 ** 20;

const NOTHING: Rights = { scopes: [] };

type Env = { readonly Bindings: HttpBindings };

interface AppOptions {
  /** How long a body may stand still, in ms; default 30 s. */
  readonly bodyIdle?: number;
  /** Is told of every reply. */
  readonly metrics?: HttpMetrics;
}

const NOBODY: Watch = () => {};

/** Serves routes: checks who asks and what, and tells errors as problems. */
export function createApp(routes: readonly Route[], access: Access, { bodyIdle = BODY_IDLE, metrics }: AppOptions = {}): Hono<Env> {
  const app = new Hono<Env>();
  const answer = async (
    { env: { incoming, outgoing } }: Context<Env>,
    watch: Watch,
    reply: () => Promise<Reply> | Reply,
  ): Promise<Response> => {
    const began = performance.now();
    let made: Reply;
    try {
      access.checkOrigin(incoming.headers.host, incoming.headers.origin);
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
        return await route.handle(await read(c, route, { rights, bodyIdle }));
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

function methodsByPath(routes: readonly Route[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { path, method } of routes) {
    const own = method === 'GET' ? 'GET, HEAD' : method;
    found.set(path, found.has(path) ? `${found.get(path)}, ${own}` : own);
  }
  return found;
}

async function read(
  c: Context<Env>,
  route: Route,
  { rights, bodyIdle }: { readonly rights: Rights; readonly bodyIdle: number },
): Promise<ApiRequest> {
  const { incoming, outgoing } = c.env;
  const body = (limit: number | undefined): AsyncIterable<Uint8Array> =>
    limited(awake(incoming, bodyIdle), limit, incoming.headers['content-length']);
  let signal: AbortSignal | undefined;
  return {
    params: checked(route.params, pathParams(c, route), 'path'),
    query: route.query === undefined ? undefined : checked(route.query, c.req.query(), 'query'),
    json: route.json === undefined ? undefined : checked(route.json, asJson(await whole(body(MOST_JSON))), 'body'),
    bytes: route.bytes === undefined ? nothing() : body(route.bytes.limit),
    rights,
    header: (name) => incoming.headers[name] as string | undefined,
    // Most requests are over before anybody could go away.
    get signal() {
      return (signal ??= hangUp(outgoing));
    },
  };
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

async function* nothing(): AsyncGenerator<Uint8Array> {}
