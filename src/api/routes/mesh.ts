import { z } from 'zod';
import { json, route, type Route } from '../route.ts';
import type { Services } from '../../protocol/services.ts';

/** Who else is there: as long as there is no mesh, this agent alone. */

const ROLES = ['runner', 'storage', 'scheduler', 'observer'] as const;
/** What every agent does. */
const OWN: readonly (typeof ROLES)[number][] = ['runner', 'storage'];

export function meshRoutes({ status }: Services): Route[] {
  const replies = { 200: { description: 'A list of agents.' } };
  // What Serval's agent sends, and what its client reads, which is something else.
  const self = (): unknown => {
    const { did, address } = status();
    return {
      http_address: address,
      instance_id: did,
      address,
      inner: { instance_id: did, http_port: Number(address.split(':').at(-1)), roles: OWN },
    };
  };
  return [
    route({
      method: 'GET',
      path: '/v1/agents',
      summary: 'The agents there are: who they are, what they offer.',
      tag: 'mesh',
      scope: 'read',
      replies: { 200: { description: 'A list of agents.' } },
      handle: () => {
        const { started, ...agent } = status();
        return json({ agents: [{ ...agent, started: new Date(started).toISOString() }] });
      },
    }),
    route({
      method: 'GET',
      path: '/v1/mesh/peers',
      summary: 'The agents there are.',
      tag: 'mesh',
      scope: 'read',
      replies,
      handle: () => json([self()]),
    }),
    route({
      method: 'GET',
      path: '/v1/mesh/peers/:role',
      summary: 'The agents that have a role.',
      tag: 'mesh',
      scope: 'read',
      params: z.object({ role: z.enum(ROLES) }),
      replies,
      handle: ({ params: { role } }) => json(OWN.includes(role) ? [self()] : []),
    }),
  ];
}
