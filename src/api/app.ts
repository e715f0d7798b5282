import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import type { z } from 'zod';
import { DocketError } from '../errors.ts';
import type { Access, Rights } from './access.ts';
import { problemReply } from './problem.ts';
import { asJson, limited, whole } from './request-body.ts';
import type { ApiRequest, Reply, Route } from './route.ts';

/** Bytes of a JSON body. */
const MOST_JSON = 64 * 2 ** 20;

/** On every reply: blobs are whatever somebody stored, and no browser may take one for a page of ours. */
const ALWAYS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-clacks-overhead': 'GNU/Terry Pratchett',
};

const NOTHING: Rights = { scopes: [] };

type Env = { readonly Bindings: Partial<HttpBindings> };

/** Serves routes: checks who asks and what, and tells errors as problems. */
export function createApp(routes: readonly Route[], access: Access): Hono<Env> {
  const app = new Hono<Env>();
  const guard = (c: Context<Env>, { scope, forModules = false }: Route): Rights => {
    access.checkOrigin(c.req.header('host'), c.req.header('origin'));
    return scope === undefined ? NOTHING : access.check(scope, c.req.header('authorization'), forModules);
  };
  for (const route of routes) {
    app.on(route.method, route.path, async (c) => {
      try {
        const rights = guard(c, route);
        return toResponse(await route.handle(await read(c, route, rights)), c.req.method);
      } catch (error) {
        return toResponse(problemReply(error), c.req.method);
      }
    });
  }
  for (const [path, methods] of methodsByPath(routes))
    app.all(path, () => refuse(new DocketError('METHOD_UNKNOWN', `there is ${methods} here`, { details: { allow: methods } })));
  app.notFound((c) => refuse(new DocketError('ROUTE_UNKNOWN', `there is nothing at ${c.req.path}`)));
  app.onError((error) => refuse(error));
  return app;
}

function refuse(error: unknown): Response {
  return toResponse(problemReply(error), 'GET');
}

function methodsByPath(routes: readonly Route[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { path, method } of routes) {
    const own = method === 'GET' ? 'GET, HEAD' : method;
    found.set(path, found.has(path) ? `${found.get(path)}, ${own}` : own);
  }
  return found;
}

async function read(c: Context<Env>, route: Route, rights: Rights): Promise<ApiRequest> {
  const header = (name: string): string | undefined => c.req.header(name);
  const source = (): AsyncIterable<Uint8Array> => c.env?.incoming ?? c.req.raw.body ?? nothing();
  const body = (limit: number | undefined): AsyncIterable<Uint8Array> => limited(source(), limit, header('content-length'));
  return {
    params: checked(route.params, pathParams(c, route), 'path'),
    query: checked(route.query, c.req.query(), 'query'),
    json: route.json === undefined ? undefined : checked(route.json, asJson(await whole(body(MOST_JSON))), 'body'),
    bytes: route.bytes === undefined ? nothing() : body(route.bytes.limit),
    rights,
    header,
    signal: c.req.raw.signal,
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

function toResponse({ status, headers = {}, body }: Reply, method: string): Response {
  const all = { ...ALWAYS, ...headers };
  if (body === undefined || method === 'HEAD') return new Response(null, { status, headers: all });
  if (typeof body === 'function')
    return new Response(ReadableStream.from(body()) as ReadableStream<Uint8Array<ArrayBuffer>>, { status, headers: all });
  return new Response(body as string | Uint8Array<ArrayBuffer>, { status, headers: all });
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
