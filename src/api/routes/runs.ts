import { z } from 'zod';
import { DocketError } from '../../errors.ts';
import * as DagJson from '../../ipld/dag-json.ts';
import { eventStream } from '../event-stream.ts';
import { asText, whole } from '../request-body.ts';
import { refuseLimited } from '../relay.ts';
import { json, type Reply, route, type Route } from '../route.ts';
import type { RunView, Services } from '../../protocol/services.ts';

/** Workflows: submitted, looked at, watched, stopped. */

const RunId = z.object({ run: z.string().regex(/^[0-9A-Za-z_-]{1,64}$/, 'it is not the id of a run') });
const STATES = ['running', 'completed', 'failed', 'cancelled', 'interrupted'] as const;
const count = (most: number, usual: number) => z.coerce.number().int().min(1).max(most).default(usual);

const relay = { role: 'runner' } as const;

/** Bytes of a workflow. */
const MOST_WORKFLOW = 64 * 2 ** 20;

const Options = z.object({
  slots: z.coerce.number().int().min(1).max(100_000).optional(),
  'fail-fast': z.enum(['true', 'false']).optional(),
  force: z.enum(['true', 'false']).optional(),
  file: z.string().max(200).default('workflow.yaml'),
  input: z.string().max(10_000_000).optional(),
});

export function runRoutes({ runs }: Services): Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/runs',
      summary: 'Submits a workflow, in any format of a workflow file. The header Idempotency-Key makes sending it twice safe.',
      tag: 'runs',
      scope: 'run',
      relay: { ...relay, check: (_, rights) => refuseLimited(rights) },
      query: Options,
      bytes: { mediaType: 'application/yaml', limit: MOST_WORKFLOW },
      replies: {
        201: { description: 'The run goes on.', schema: z.object({ run: z.string() }) },
        200: { description: 'It was submitted before with this key.', schema: z.object({ run: z.string() }) },
      },
      handle: async ({ query, bytes, rights, header }) => {
        if (rights.limits !== undefined) throw new DocketError('FORBIDDEN', 'the token bounds what its jobs may use, and is for jobs only');
        const { slots, 'fail-fast': failFast, force, file, input } = query;
        const { run, isNew } = await runs.submit({
          text: asText(await whole(bytes)),
          file,
          inputs: inputsOf(input),
          options: {
            failFast: failFast === 'true',
            ...(force === 'true' ? { force: 'all' } : {}),
            ...(slots === undefined ? {} : { slots }),
          },
          key: keyOf(header('idempotency-key')),
        });
        return json({ run }, isNew ? 201 : 200, { location: `/v1/runs/${run}` });
      },
    }),
    route({
      method: 'GET',
      path: '/v1/runs',
      summary: 'Runs, the newest first. `before` is the last of the page before.',
      tag: 'runs',
      scope: 'read',
      relay,
      query: z.object({ limit: count(1000, 50), state: z.enum(STATES).optional(), before: z.string().max(64).optional() }),
      replies: { 200: { description: 'A page of them.' } },
      handle: ({ query: { limit, state, before } }) => {
        const page = runs.list({ limit, ...(state === undefined ? {} : { state }), ...(before === undefined ? {} : { before }) });
        return dagJson({ runs: page.map(document), next: page.length === limit ? (page.at(-1)?.run ?? null) : null });
      },
    }),
    route({
      method: 'GET',
      path: '/v1/runs/:run',
      summary: 'A run with its counts and outputs.',
      tag: 'runs',
      scope: 'read',
      relay,
      params: RunId,
      replies: { 200: { description: 'The run, as DAG-JSON.' } },
      handle: ({ params }) => dagJson(document(runs.get(params.run))),
    }),
    route({
      method: 'DELETE',
      path: '/v1/runs/:run',
      summary: 'Forgets a run that is over. Its receipts stay.',
      tag: 'runs',
      scope: 'write',
      relay,
      params: RunId,
      replies: { 204: { description: 'It is forgotten.' } },
      handle: async ({ params }): Promise<Reply> => {
        await runs.delete(params.run);
        return { status: 204 };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/runs/:run/cancel',
      summary: 'Stops a run; replies when it has ended.',
      tag: 'runs',
      scope: 'run',
      relay,
      params: RunId,
      replies: { 200: { description: 'How it ended.', schema: z.object({ run: z.string(), state: z.enum(STATES) }) } },
      handle: async ({ params: { run }, signal }) => json({ run, state: await runs.cancel(run, signal) }),
    }),
    ...partRoutes(runs),
  ];
}

function partRoutes(runs: Services['runs']): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/runs/:run/tasks',
      summary: 'The tasks of a run, in the order of the plan.',
      tag: 'runs',
      scope: 'read',
      relay,
      params: RunId,
      query: z.object({ from: z.coerce.number().int().min(0).default(0), limit: count(10_000, 1000) }),
      replies: { 200: { description: 'A page of them, and how many there are.' } },
      handle: async ({ params, query }) => json(await runs.tasks(params.run, query)),
    }),
    route({
      method: 'GET',
      path: '/v1/runs/:run/graph',
      summary: 'Which task awaits which.',
      tag: 'runs',
      scope: 'read',
      relay,
      params: RunId,
      replies: { 200: { description: 'Tasks by index, with the indexes they await.' } },
      handle: async ({ params }) => json(await runs.graph(params.run)),
    }),
    route({
      method: 'GET',
      path: '/v1/runs/:run/events',
      summary: 'What happens in a run, as server-sent events until it is over. Last-Event-ID goes on where a reader left off.',
      tag: 'runs',
      scope: 'read',
      relay,
      params: RunId,
      replies: { 200: { description: 'A stream of events.' } },
      handle: ({ params, header, signal }): Reply => {
        // Before the reply begins: a run that is not there is 404.
        runs.get(params.run);
        const last = Number(header('last-event-id') ?? 0);
        return eventStream(runs.events(params.run, Number.isSafeInteger(last) && last > 0 ? last : 0, signal));
      },
    }),
  ];
}

function document({ created, finished, workflow, ...rest }: RunView): Record<string, unknown> {
  return {
    ...rest,
    workflow: workflow.toString(),
    created: new Date(created).toISOString(),
    finished: finished === null ? null : new Date(finished).toISOString(),
  };
}

/** Outputs are IPLD: bytes and links stand in JSON as DAG-JSON has them. */
function dagJson(value: unknown): Reply {
  return { ...json(null), body: DagJson.encode(value as Parameters<typeof DagJson.encode>[0]) };
}

function inputsOf(text: string | undefined): Record<string, string> {
  if (text === undefined) return {};
  const parsed = z.record(z.string(), z.string()).safeParse(tryJson(text));
  if (!parsed.success) throw new DocketError('REQUEST_INVALID', 'the query parameter "input" is no JSON object of texts');
  return parsed.data;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function keyOf(header: string | undefined): string | undefined {
  if (header === undefined || (header.length > 0 && header.length <= 255)) return header;
  throw new DocketError('REQUEST_INVALID', 'an idempotency key has 1 to 255 characters');
}
