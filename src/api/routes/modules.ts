import { z } from 'zod';
import type { Offered } from '../../protocol/peers.ts';
import { encode } from '../../protocol/wire.ts';
import { json, type Reply, route, type Route } from '../route.ts';
import { ModuleReference, StoredCid } from '../schemas.ts';

const Params = z.object({ reference: ModuleReference });
const relay = { role: 'storage' } as const;
const MOST_MANIFEST = 256 * 1024;
const reply = (view: unknown, status = 200): Reply => ({ ...json(null, status), body: encode(view) });

/** Named modules. Serval's way to them stands beside this, under `/v1/storage`. */
export function moduleRoutes({ modules, peers }: Offered): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/modules',
      summary: 'The newest version of every name.',
      tag: 'modules',
      scope: 'read',
      relay,
      replies: { 200: { description: 'With how many versions there are, as DAG-JSON.' } },
      handle: async () => reply({ modules: await modules.names() }),
    }),
    route({
      method: 'POST',
      path: '/v1/modules',
      summary: 'Names a module that is stored already.',
      tag: 'modules',
      scope: 'write',
      relay,
      json: z.object({ manifest: z.string().max(MOST_MANIFEST), module: StoredCid }),
      // A character can be six bytes of JSON.
      jsonLimit: 6 * MOST_MANIFEST + 1024,
      replies: { 201: { description: 'The version as it is kept, as DAG-JSON.' } },
      handle: async ({ json: { manifest, module } }) => reply(await modules.push(manifest, module), 201),
    }),
    route({
      method: 'GET',
      path: '/v1/modules/:reference',
      summary: 'The version that NAME, NAME@VERSION or NAME@sha256-… means.',
      tag: 'modules',
      scope: 'read',
      relay,
      params: Params,
      replies: { 200: { description: 'The version, as DAG-JSON.' } },
      handle: async ({ params, hops, signal }) => {
        await peers.bringModule(params.reference, { hops, signal });
        return reply(await modules.find(params.reference));
      },
    }),
    route({
      method: 'GET',
      path: '/v1/modules/:reference/versions',
      summary: 'Every version of a name, the newest first.',
      tag: 'modules',
      scope: 'read',
      relay,
      params: Params,
      replies: { 200: { description: 'The versions, as DAG-JSON.' } },
      handle: async ({ params }) => reply({ versions: await modules.versions(params.reference) }),
    }),
    route({
      method: 'DELETE',
      path: '/v1/modules/:reference',
      summary: 'Takes away the name of NAME@VERSION, or of every version of NAME. Blobs stay.',
      tag: 'modules',
      scope: 'write',
      relay,
      params: Params,
      replies: { 200: { description: 'The versions taken away.', schema: z.object({ removed: z.array(z.string()) }) } },
      handle: async ({ params }) => json({ removed: await modules.remove(params.reference) }),
    }),
  ];
}
