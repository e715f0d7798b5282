import { z } from 'zod';
import { json, route, type Route } from '../route.ts';
import type { MemberService } from '../../protocol/members.ts';
import { type AgentView, type Offered, ROLES } from '../../protocol/peers.ts';

/** Who is there: this agent, the peers it was told of, and the members of its mesh. */

/** What Serval's agent sends, and what its client reads, which is something else. */
function servalView({ did, address, roles }: AgentView): unknown {
  return {
    http_address: address,
    instance_id: did,
    address,
    inner: { instance_id: did, http_port: Number(address.split(':').at(-1)), roles },
  };
}

export function meshRoutes({ status, peers, members }: Pick<Offered, 'status' | 'peers'> & { readonly members: MemberService }): Route[] {
  const replies = { 200: { description: 'A list of agents; those that do not answer are left out.' } };
  const self = (): AgentView => {
    const { started, ...agent } = status();
    return { ...agent, started: new Date(started).toISOString(), roles: peers.roles };
  };
  return [
    route({
      method: 'GET',
      path: '/v1/agents',
      summary:
        'This agent, then its peers: who they are, what they offer; peers that do not answer; and the mesh it is in, with its members.',
      tag: 'mesh',
      scope: 'read',
      replies: { 200: { description: 'Lists of agents, of addresses where nobody answers, and of members, this agent first.' } },
      handle: async (asked) => {
        const { present, absent } = await peers.list(asked);
        return json({ agents: [self(), ...present], absent, mesh: members.mesh(), members: members.list() });
      },
    }),
    ...[true, false].map((isDrained) =>
      route({
        method: 'POST',
        path: `/v1/agents/:agent/${isDrained ? 'drain' : 'undrain'}`,
        summary: isDrained
          ? 'Has an agent take no new work; it finishes what it has. Lasts until it is undrained, also over restarts.'
          : 'Has a drained agent take work again.',
        tag: 'mesh',
        scope: 'admin',
        params: z.object({ agent: z.string().min(1).max(256) }),
        replies: { 200: { description: 'Which agent it is. It was told, and will not forget.' } },
        handle: async ({ params, signal }) => json(await members.drain(params.agent, isDrained, signal)),
      }),
    ),
    route({
      method: 'GET',
      path: '/v1/mesh/peers',
      summary: 'The agents there are.',
      tag: 'mesh',
      scope: 'read',
      replies,
      handle: async (asked) => json([self(), ...(await peers.list(asked)).present].map(servalView)),
    }),
    route({
      method: 'GET',
      path: '/v1/mesh/peers/:role',
      summary: 'The agents that have a role.',
      tag: 'mesh',
      scope: 'read',
      params: z.object({ role: z.enum(ROLES) }),
      replies,
      handle: async (asked) => {
        const { role } = asked.params;
        return json([self(), ...(await peers.list(asked)).present].filter(({ roles }) => roles.includes(role)).map(servalView));
      },
    }),
  ];
}
