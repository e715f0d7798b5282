import { z } from 'zod';
import { DocketError } from '../../errors.ts';
import { type Ipld, isLink, isMap } from '../../ipld/value.ts';
import type { Outcome } from '../../receipt/outcome.ts';
import type { Store } from '../../store/store.ts';
import { jobDocument } from '../job-document.ts';
import { refuseLimited } from '../relay.ts';
import { json, type Reply, route, type Route } from '../route.ts';
import { ModuleReference } from '../schemas.ts';
import type { Offered } from '../../protocol/peers.ts';
import type { JobEnd } from '../../protocol/services.ts';

/** One-shot jobs: a named module, what it reads from stdin, what it says. */

/** As Serval has it. */
const MOST_STDIN = 100 * 2 ** 20;

export function jobRoutes({ jobs, modules, peers, store }: Offered): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/jobs',
      summary: 'The latest jobs.',
      tag: 'jobs',
      scope: 'read',
      relay: { role: 'runner' },
      replies: { 200: { description: 'The newest first.' } },
      handle: () => json({ jobs: jobs.list(100).map(jobDocument) }),
    }),
    route({
      method: 'POST',
      path: '/v1/jobs/:name/run',
      summary: 'Runs a named module on the body. Exit status, run and receipt stand in the headers, or in the body if JSON is asked for.',
      tag: 'jobs',
      scope: 'run',
      forModules: true,
      relay: {
        role: 'runner',
        check: ({ name }, rights) => {
          jobs.checkRights(name, rights);
          refuseLimited(rights);
        },
      },
      params: z.object({ name: ModuleReference }),
      bytes: { mediaType: 'application/octet-stream', limit: MOST_STDIN },
      replies: { 200: { description: 'Its stdout, or its stderr if its exit status is not 0.', mediaType: 'application/octet-stream' } },
      handle: async ({ params, bytes, rights, header, hops, signal }) => {
        jobs.checkRights(params.name, rights);
        // Before what may be a hundred megabytes are taken in.
        await peers.bringModule(params.name, { hops, signal });
        await modules.find(params.name);
        jobs.admit(params.name);
        const stdin = await store.put(bytes, { signal });
        const end = await jobs.run({
          reference: params.name,
          stdin: stdin.cid,
          limits: rights.limits ?? {},
          signal,
          traceparent: header('traceparent'),
        });
        return await jobReply(store, end, header('accept')?.includes('application/json') === true);
      },
    }),
  ];
}

async function jobReply(store: Store, end: JobEnd, asJson: boolean): Promise<Reply> {
  const { run, receipt, isCached, outcome, extensions } = end;
  if (outcome === undefined || receipt === undefined) throw new DocketError('CANCELLED', `job ${run} was cancelled`, { details: { run } });
  const exit = exitOf(outcome);
  const headers = {
    'docket-run': run,
    'docket-receipt': receipt.toString(),
    'docket-cached': String(isCached),
    ...(exit === undefined ? {} : { 'docket-exit': String(exit) }),
  };
  const { stdout = '', stderr = '' } = streamsOf(outcome);
  if (asJson) {
    const failure = outcome.tag === 'ok' ? null : { code: outcome.failure.code, message: outcome.failure.message };
    return json(
      {
        run,
        receipt: receipt.toString(),
        cached: isCached,
        exit: exit ?? null,
        failure,
        extensions,
        stdout: await named(store, stdout),
        stderr: await named(store, stderr),
      },
      200,
      headers,
    );
  }
  if (exit === undefined && outcome.tag === 'error') {
    const { code, message } = outcome.failure;
    throw new DocketError('JOB_FAILED', message, { details: { run, receipt: receipt.toString(), failure: code } });
  }
  return {
    status: 200,
    headers: { 'content-type': 'application/octet-stream', ...headers },
    ...content(store, exit === 0 ? stdout : stderr),
  };
}

function content(store: Store, value: Ipld): Pick<Reply, 'body'> {
  if (typeof value === 'string' || value instanceof Uint8Array) return { body: value };
  return isLink(value) ? { body: () => store.get(value) } : {};
}

/** By digest, so that it can be fetched whole. */
async function named(store: Store, value: Ipld): Promise<{ readonly cid: string; readonly size: number }> {
  if (isLink(value)) return { cid: value.toString(), size: (await store.stat(value))?.size ?? 0 };
  const bytes = typeof value === 'string' ? Buffer.from(value) : value instanceof Uint8Array ? value : new Uint8Array();
  return { cid: (await store.put(bytes)).cid.toString(), size: bytes.length };
}

function streamsOf(outcome: Outcome): { readonly stdout?: Ipld; readonly stderr?: Ipld } {
  const holder = outcome.tag === 'ok' ? outcome.value : outcome.failure.data;
  return isMap(holder) ? holder : {};
}

/** Undefined if it was ended otherwise: by a trap, a limit. */
function exitOf(outcome: Outcome): number | undefined {
  if (outcome.tag === 'ok') return 0;
  const exit = outcome.failure.code === 'exit' ? outcome.failure.data?.['exit'] : undefined;
  return typeof exit === 'number' ? exit : undefined;
}
