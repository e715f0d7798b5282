import { z } from 'zod';
import { type MemberService, MESH_HEADER } from '../../protocol/members.ts';
import type { RunView } from '../../protocol/records.ts';
import type { Services } from '../../protocol/services.ts';
import { encode } from '../../protocol/wire.ts';
import { eventStream } from '../event-stream.ts';
import { jsonLinesReply } from '../json-lines.ts';
import { json, type Reply, route, type Route } from '../route.ts';

/** Runs: looked at, watched, stopped. */

/** The id of a run, the beginning of one, or `last`. */
export const RunId = z.object({ run: z.string().regex(/^[0-9A-Za-z_-]{1,64}$/, 'it is not the id of a run') });
const TaskWord = z.string().min(1).max(10_000);
const STATES = ['running', 'completed', 'failed', 'cancelled', 'interrupted'] as const;
const count = (most: number, usual: number) => z.coerce.number().int().min(1).max(most).default(usual);

const relay = { role: 'runner' } as const;

export function runRoutes({ runs, members }: Pick<Services, 'runs'> & { readonly members: Pick<MemberService, 'mesh'> }): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/runs',
      summary: 'Runs, the newest first. `before` is the last of the page before.',
      tag: 'runs',
      scope: 'read',
      relay,
      query: z.object({ limit: count(1000, 50), state: z.enum(STATES).optional(), before: z.string().max(64).optional() }),
      replies: { 200: { description: 'A page of them.' } },
      handle: async ({ query: { limit, state, before } }) => {
        const page = await runs.list({ limit, ...(state === undefined ? {} : { state }), ...(before === undefined ? {} : { before }) });
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
      handle: async ({ params }) => dagJson(document(await runs.find(params.run))),
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
      handle: async ({ params, signal }) => {
        const { run } = await runs.find(params.run);
        return json({ run, state: await runs.cancel(run, signal) });
      },
    }),
    ...partRoutes(runs, members),
  ];
}

function partRoutes(runs: Services['runs'], members: Pick<MemberService, 'mesh'>): Route[] {
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
      replies: { 200: { description: 'A stream of events. `docket-mesh` names the mesh that the agent is in, if it is in one.' } },
      handle: async ({ params, header, signal }): Promise<Reply> => {
        // Before the reply begins: a run that is not there is 404.
        await runs.find(params.run);
        const last = Number(header('last-event-id') ?? 0);
        const mesh = members.mesh();
        // Told beforehand: who loses us learns where the run goes on.
        const more = mesh === null ? {} : { [MESH_HEADER]: encodeURIComponent(mesh.name) };
        return eventStream(runs.events(params.run, Number.isSafeInteger(last) && last > 0 ? last : 0, signal), more);
      },
    }),
    route({
      method: 'GET',
      path: '/v1/runs/:run/why',
      summary: 'Why a task was run, or was not: a task by its label, its instruction, or the beginning of either.',
      tag: 'runs',
      scope: 'read',
      relay,
      params: RunId,
      query: z.object({ task: TaskWord }),
      replies: { 200: { description: 'The reason, as DAG-JSON.' } },
      handle: async ({ params, query }) => dagJson(await runs.why(params.run, query.task)),
    }),
    route({
      method: 'GET',
      path: '/v1/runs/:run/logs',
      summary: 'What tasks wrote to stdout and stderr: those that wrote anything or failed, or one alone.',
      tag: 'runs',
      scope: 'read',
      relay,
      params: RunId,
      query: z.object({ task: TaskWord.optional() }),
      replies: {
        200: { description: 'A line for each task. Texts of more than 4 KiB are links to blobs.', mediaType: 'application/jsonl' },
      },
      handle: ({ params, query }) => jsonLinesReply(runs.logs(params.run, query.task)),
    }),
  ];
}

function document({ created, finished, workflow, plan, ...rest }: RunView): Record<string, unknown> {
  return {
    ...rest,
    workflow: workflow.toString(),
    plan: plan?.toString() ?? null,
    created: new Date(created).toISOString(),
    finished: finished === null ? null : new Date(finished).toISOString(),
  };
}

/** Outputs are IPLD: bytes and links stand in JSON as DAG-JSON has them. */
function dagJson(view: unknown): Reply {
  return { ...json(null), body: encode(view) };
}
