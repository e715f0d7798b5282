import { z } from 'zod';
import { type AgentView, HOPS, ROLES } from '../../protocol/peers.ts';
import { type AgentDoor, askJson, invalid } from '../../store/agent-call.ts';

/** What a peer says of itself. What it does not know of, it does as every agent did before there were roles. */
const View = z.object({
  did: z.string().max(200),
  address: z.string().max(300),
  version: z.string().max(100),
  slots: z.number().int().min(0),
  roles: z.array(z.enum(ROLES)).default(['runner', 'storage']),
  ops: z.array(z.string().max(100)).max(100),
  tags: z.record(z.string().max(100), z.string().max(1000)).default({}),
  started: z.string().max(100),
});

const Answer = z.object({ agents: z.tuple([View]).rest(z.unknown()) });

/** Throws as `askJson`. */
export async function look(door: AgentDoor, signal: AbortSignal): Promise<AgentView> {
  const answer = await askJson({ ...door, headers: { [HOPS]: '1' } }, { method: 'GET', path: '/v1/agents', signal });
  const { success, data } = Answer.safeParse(answer);
  if (!success) throw invalid(door.url, 'it does not say who it is');
  return data.agents[0];
}
