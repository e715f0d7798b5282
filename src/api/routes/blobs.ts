import { z } from 'zod';
import * as Cid from '../../ipld/cid.ts';
import { blobReply } from '../blob-replies.ts';
import { json, route, type Route } from '../route.ts';
import { StoredCid } from '../schemas.ts';
import type { Services } from '../services.ts';

const Params = z.object({ cid: StoredCid });
/** CIDs in one question. */
const MOST = 10_000;

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
      replies: { 201: { description: 'It is stored, durably.', schema: z.object({ cid: z.string(), size: z.number() }) } },
      handle: async ({ params, bytes, signal }) => {
        const { size } = await store.put(bytes, { expect: params.cid, signal });
        return json({ cid: params.cid.toString(), size, sri: Cid.toSri(params.cid) }, 201);
      },
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
