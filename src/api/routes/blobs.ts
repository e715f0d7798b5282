import { z } from 'zod';
import * as Cid from '../../ipld/cid.ts';
import { blobReply } from '../blob-replies.ts';
import { jsonLinesReply } from '../json-lines.ts';
import { json, type Reply, route, type Route } from '../route.ts';
import { StoredCid } from '../schemas.ts';
import type { Services } from '../../protocol/services.ts';

const Params = z.object({ cid: StoredCid });
/** CIDs in one question. */
const MOST = 10_000;

const Stored = z.object({ cid: z.string(), size: z.number(), sri: z.string() });

function stored({ cid, size }: { readonly cid: Cid.CID; readonly size: number }): Reply {
  return json({ cid: cid.toString(), size, sri: Cid.toSri(cid) }, 201, { location: `/v1/blobs/${cid}` });
}

async function* told<T extends { readonly cid: Cid.CID }>(blobs: AsyncIterable<T>): AsyncGenerator {
  for await (const blob of blobs) yield { ...blob, cid: blob.cid.toString() };
}

/** Blobs by CID. */
export function blobRoutes({ store }: Services): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/blobs/:cid',
      summary: 'A blob, verified; HEAD tells its size.',
      tag: 'blobs',
      scope: 'read',
      params: Params,
      replies: {
        200: { description: 'Its bytes.', mediaType: 'application/octet-stream' },
        206: { description: 'The range asked for.', mediaType: 'application/octet-stream' },
        304: { description: 'It is what you have.' },
      },
      handle: (request) => blobReply(store, request.params.cid, request),
    }),
    route({
      method: 'PUT',
      path: '/v1/blobs/:cid',
      summary: 'Stores a blob. What does not match its CID is not kept.',
      tag: 'blobs',
      scope: 'write',
      params: Params,
      bytes: { mediaType: 'application/octet-stream' },
      replies: { 201: { description: 'It is stored, durably.', schema: Stored } },
      handle: async ({ params: { cid }, bytes, signal }) => stored({ cid, size: (await store.put(bytes, { expect: cid, signal })).size }),
    }),
    route({
      method: 'POST',
      path: '/v1/blobs',
      summary: 'Stores a blob whose CID is not known yet.',
      tag: 'blobs',
      scope: 'write',
      bytes: { mediaType: 'application/octet-stream' },
      replies: { 201: { description: 'It is stored, durably.', schema: Stored } },
      handle: async ({ bytes, signal }) => stored(await store.put(bytes, { signal })),
    }),
    route({
      method: 'GET',
      path: '/v1/blobs',
      summary: 'All blobs that are here, one JSON object a line, in no order.',
      tag: 'blobs',
      scope: 'read',
      replies: { 200: { description: 'Lines of {"cid", "size"}.', mediaType: 'application/jsonl' } },
      handle: () => jsonLinesReply(told(store.list())),
    }),
    route({
      method: 'DELETE',
      path: '/v1/blobs/:cid',
      summary: 'Removes a blob. What rests on it is made again when it is wanted, or is missing.',
      tag: 'blobs',
      scope: 'admin',
      params: Params,
      replies: { 204: { description: 'It is not here any more.' } },
      handle: async ({ params: { cid } }): Promise<Reply> => {
        await store.delete(cid);
        return { status: 204 };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/blobs/verify',
      summary: 'Reads and checks every blob, one JSON object a line; damaged ones are set aside.',
      tag: 'blobs',
      scope: 'admin',
      replies: { 200: { description: 'Lines of {"cid", "size", "ok"}.', mediaType: 'application/jsonl' } },
      handle: ({ signal }) => jsonLinesReply(told(store.verify({ signal }))),
    }),
    route({
      method: 'POST',
      path: '/v1/blobs/missing',
      summary: 'Which of these blobs are not here.',
      tag: 'blobs',
      scope: 'read',
      json: z.object({ cids: z.array(StoredCid).max(MOST) }),
      replies: { 200: { description: 'Those that are not.', schema: z.object({ missing: z.array(z.string()) }) } },
      handle: async ({ json: { cids } }) => json({ missing: (await store.missing(cids)).map(String) }),
    }),
  ];
}
