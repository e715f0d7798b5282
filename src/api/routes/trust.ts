import { z } from 'zod';
import type { Services } from '../../protocol/services.ts';
import { json, type Reply, route, type Route } from '../route.ts';

const Did = z.string().regex(/^did:key:z[1-9A-HJ-NP-Za-km-z]{47}$/, 'it is no did:key of an Ed25519 key');
const params = z.object({ did: Did });
const Request = z.object({ name: z.string().min(1).max(200).optional() });

/** Whom this agent takes results from. */
export function trustRoutes({ trust }: Services): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/trust',
      summary: 'Which agents were added, removed or found to be wrong, and what was refused.',
      tag: 'trust',
      scope: 'admin',
      replies: { 200: { description: 'Agents with reason and time, and counts of refusals by issuer.' } },
      handle: async () => json(await trust.list()),
    }),
    route({
      method: 'PUT',
      path: '/v1/trust/:did',
      summary: 'Takes results of this agent, also if it was distrusted.',
      tag: 'trust',
      scope: 'admin',
      params,
      json: Request,
      replies: { 204: { description: 'It is trusted.' } },
      handle: async ({ params: { did }, json: { name } }): Promise<Reply> => {
        await trust.add(did, name);
        return { status: 204 };
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/trust/:did',
      summary: 'Takes no results of this agent any more.',
      tag: 'trust',
      scope: 'admin',
      params,
      replies: { 204: { description: 'It is distrusted.' } },
      handle: async ({ params: { did } }): Promise<Reply> => {
        await trust.remove(did);
        return { status: 204 };
      },
    }),
  ];
}
