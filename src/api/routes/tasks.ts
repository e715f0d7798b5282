import { z } from 'zod';
import { DocketError } from '../../errors.ts';
import { type Ipld, isLink } from '../../ipld/value.ts';
import type { Services } from '../../protocol/services.ts';
import type { Store } from '../../store/store.ts';
import { eventStream } from '../event-stream.ts';
import { json, type Reply, route, type Route } from '../route.ts';
import { AnyCid } from '../schemas.ts';

const Query = z.object({ follow: z.enum(['true', 'false']).optional(), stream: z.enum(['stdout', 'stderr']).optional() });

/** What tasks write. */
export function taskRoutes({ tasks, store }: Services): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/tasks/:cid/logs',
      summary:
        'What a task, named by the CID of its instruction, wrote: a summary; one `stream` byte for byte; or with `follow=true` server-sent events, while it runs and until it has ended.',
      tag: 'tasks',
      scope: 'read',
      relay: { role: 'runner' },
      params: z.object({ cid: AnyCid }),
      query: Query,
      replies: { 200: { description: 'Both streams by size, with their text if it is short or their CID; or the bytes; or events.' } },
      handle: async ({ params: { cid }, query: { follow, stream }, signal }): Promise<Reply> => {
        if (follow === 'true') {
          if (stream !== undefined) throw new DocketError('REQUEST_INVALID', '"follow" gives both streams, and takes no "stream"');
          return eventStream(tasks.follow(cid, signal));
        }
        const { isRunning, ended } = tasks.logs(cid);
        if (stream === undefined) {
          const state = isRunning ? 'running' : ended!.state;
          const last = ended === undefined ? {} : await summaryOf(store, ended);
          return json({ task: cid.toString(), state, receipt: null, failure: null, ...last });
        }
        if (ended === undefined)
          throw new DocketError('RECEIPT_UNKNOWN', 'the task runs still, and never ended before', { next: 'Follow it: ?follow=true.' });
        return {
          status: 200,
          headers: { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' },
          body: bodyOf(store, ended[stream]),
        };
      },
    }),
  ];
}

type Ended = NonNullable<ReturnType<Services['tasks']['logs']>['ended']>;

async function summaryOf(store: Store, { receipt, failure, stdout, stderr }: Ended): Promise<Record<string, unknown>> {
  return { receipt: receipt.toString(), failure, stdout: await streamOf(store, stdout), stderr: await streamOf(store, stderr) };
}

async function streamOf(store: Store, value: Ipld): Promise<Record<string, unknown>> {
  if (isLink(value)) return { size: (await store.stat(value))?.size ?? null, cid: value.toString() };
  const bytes = bytesOf(value);
  return { size: bytes.length, text: Buffer.from(bytes).toString() };
}

function bodyOf(store: Store, value: Ipld): NonNullable<Reply['body']> {
  return isLink(value) ? () => store.get(value) : bytesOf(value);
}

function bytesOf(value: Ipld): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value) : value instanceof Uint8Array ? value : new Uint8Array();
}
