import { z } from 'zod';
import { DocketError } from '../../errors.ts';
import type { Offered } from '../../protocol/peers.ts';
import { json, route, type Route } from '../route.ts';
import { StoredCid, UnixFsCid } from '../schemas.ts';

const Alias = z.object({ alias: z.string(), blob: z.string() });

/** Blobs by the CIDs that IPFS has for them. */
export function aliasRoutes({ aliases, peers }: Pick<Offered, 'aliases' | 'peers'>): Route[] {
  const relay = { role: 'storage' } as const;
  return [
    route({
      method: 'GET',
      path: '/v1/aliases/:cid',
      summary: 'The blob that a UnixFS CID stands for. One that is not known here is asked for at peers, and kept.',
      tag: 'blobs',
      scope: 'read',
      relay,
      params: z.object({ cid: UnixFsCid }),
      replies: { 200: { description: 'Both names of it.', schema: Alias } },
      handle: async ({ params: { cid }, hops, signal }) => {
        const blob = await peers.alias(cid, { hops, signal });
        if (blob === undefined) throw new DocketError('BLOB_MISSING', `no blob is known here as ${cid}`);
        return json({ alias: cid.toString(), blob: blob.toString() });
      },
    }),
    route({
      method: 'POST',
      path: '/v1/aliases',
      summary: 'Computes what `ipfs add --cid-version 1` calls a blob that is here; by that name it is found from now on.',
      tag: 'blobs',
      scope: 'write',
      relay,
      json: z.object({ blob: StoredCid }),
      replies: { 201: { description: 'Both names of it.', schema: Alias } },
      handle: async ({ json: { blob } }) => json({ alias: (await aliases.name(blob)).toString(), blob: blob.toString() }, 201),
    }),
  ];
}
