import { z } from 'zod';
import type { Route } from './route.ts';

/** The description of the API, made of the very schemas that check requests: https://spec.openapis.org/oas/v3.1.0. */
export function describe(routes: readonly Route[], version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replace(/\*$/, ':rest').replace(/:(\w+)/g, '{$1}');
    const methods = (paths[path] ??= {});
    methods[route.method.toLowerCase()] = operation(route);
    if (route.method === 'GET') methods['head'] = operation({ ...route, summary: `${route.summary} Headers only.` });
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Docket', version, description: 'Named modules, blobs and jobs of one agent.' },
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, basic: { type: 'http', scheme: 'basic' } },
      schemas: { Problem: PROBLEM },
    },
  };
}

const PROBLEM = {
  type: 'object',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    next: { type: 'string' },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'next'],
} as const;

const PROBLEM_REPLY = {
  description: 'A problem (RFC 9457); `code` is one of docs/errors.md.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

function operation({ summary, tag, scope, params, query, json, bytes, replies, method, path }: Route): Record<string, unknown> {
  const body =
    json === undefined
      ? bytes && Object.fromEntries([bytes.mediaType].flat().map((type) => [type, {}]))
      : { 'application/json': { schema: jsonSchema(json) } };
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z0-9]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary,
    tags: [tag],
    security: scope === undefined ? [] : [{ bearer: [] }, { basic: [] }],
    parameters: [...parameters(params, 'path'), ...parameters(query, 'query')],
    ...(body === undefined ? {} : { requestBody: { required: true, content: body } }),
    responses: {
      ...Object.fromEntries(Object.entries(replies).map(([status, reply]) => [status, response(reply)])),
      default: PROBLEM_REPLY,
    },
  };
}

function response(reply: Route['replies'][number]): Record<string, unknown> {
  const { description } = reply;
  if ('mediaType' in reply) return { description, content: { [reply.mediaType]: {} } };
  return { description, ...(reply.schema === undefined ? {} : { content: { 'application/json': { schema: jsonSchema(reply.schema) } } }) };
}

function parameters(schema: z.ZodType | undefined, where: 'path' | 'query'): unknown[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(schema) as { properties?: Record<string, unknown>; required?: string[] };
  return Object.entries(properties).map(([name, of]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    schema: of,
  }));
}

/** Of what comes in, before it is made something else. */
function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' }) as Record<string, unknown>;
  return rest;
}
