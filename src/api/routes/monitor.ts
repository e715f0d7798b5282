import { DocketError } from '../../errors.ts';
import { jobDocument } from '../job-document.ts';
import { json, route, type Route, text } from '../route.ts';
import type { Offered } from '../../protocol/peers.ts';

/** Whether the agent lives, and what it did: Serval's paths, and those of container hosts. */
export function monitorRoutes({ status, jobs, metrics, obstacles, peers }: Offered): Route[] {
  const history = (): unknown => jobs.list(100).map((job) => ({ id: job.run, ...jobDocument(job) }));
  return [
    route({
      method: 'GET',
      path: '/monitor/ping',
      summary: 'Says pong.',
      tag: 'monitor',
      replies: { 200: { description: 'pong', mediaType: 'text/plain' } },
      handle: () => text('pong'),
    }),
    route({
      method: 'GET',
      path: '/healthz',
      summary: 'Whether the agent lives.',
      tag: 'monitor',
      replies: { 200: { description: 'It does.', mediaType: 'text/plain' } },
      handle: () => text('ok'),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      summary: 'Whether the agent can take work; 503 and why if it cannot.',
      tag: 'monitor',
      replies: { 200: { description: 'It can.', mediaType: 'text/plain' } },
      handle: async () => {
        const found = await obstacles();
        if (found.length > 0) throw new DocketError('NOT_READY', `the agent can take no work: ${found.join(', ')}`);
        return text('ok');
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      summary: 'What the agent counts, for Prometheus.',
      tag: 'monitor',
      scope: 'read',
      replies: { 200: { description: 'Prometheus’ text format.', mediaType: 'text/plain' } },
      handle: async () => ({
        status: 200,
        headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'cache-control': 'no-store' },
        body: await metrics(),
      }),
    }),
    route({
      method: 'GET',
      path: '/monitor/status',
      summary: 'Who this agent is, and its latest jobs.',
      tag: 'monitor',
      scope: 'read',
      replies: { 200: { description: 'The state of the agent.' } },
      handle: () => {
        const { did, version, started, slots, ops, tags } = status();
        const latest = jobs.list(100);
        return json({
          instance_id: did,
          version,
          started: new Date(started).toISOString(),
          slots,
          ops,
          tags,
          extensions: {},
          storage: peers.roles.includes('storage') ? { location: 'local' } : null,
          jobs: Object.fromEntries(latest.map(({ run, name, state }) => [run, { id: run, manifest: name, state }])),
          total: latest.length,
          errors: latest.filter(({ state }) => state === 'failed').length,
        });
      },
    }),
    route({
      method: 'GET',
      path: '/v1/monitor/history',
      summary: 'The latest jobs.',
      tag: 'monitor',
      scope: 'read',
      relay: { role: 'runner' },
      replies: { 200: { description: 'The newest first.' } },
      handle: () => json(history()),
    }),
  ];
}
