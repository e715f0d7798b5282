import { z } from 'zod';
import { DocketError } from '../errors.ts';
import type { Drained, MemberRow, MeshView } from '../protocol/members.ts';
import { type AgentDoor, askJson, invalid } from '../store/agent-call.ts';

/** Who is there, as an agent says; and draining. Answers are checked: the agent may be of another version, or none. */

const count = z.number().int().min(0);

const Row = z.object({
  did: z.string(),
  incarnation: z.string(),
  isSelf: z.boolean(),
  state: z.enum(['present', 'draining', 'gone']),
  because: z.string().nullable(),
  host: z.string(),
  version: z.string(),
  started: z.string(),
  slots: count,
  free: count,
  room: count,
  waiting: count,
  memory: count,
  ops: z.array(z.string()),
  // Agents that are older than it do not say.
  grants: z.array(z.string()).nullable().default(null),
  tags: z.record(z.string(), z.string()),
  roles: z.array(z.string()),
  load: z.number(),
  heard: z.number(),
});

const Peer = z.object({
  did: z.string(),
  address: z.string(),
  version: z.string(),
  slots: count,
  ops: z.array(z.string()),
  tags: z.record(z.string(), z.string()).default({}),
  started: z.string(),
});

const Answer = z.object({
  agents: z.array(Peer).min(1),
  absent: z.array(z.object({ url: z.string(), error: z.string() })).default([]),
  mesh: z
    .object({ name: z.string(), link: z.enum(['up', 'down', 'left']), error: z.string().nullable() })
    .nullable()
    .default(null),
  members: z.array(Row).optional(),
});

const DrainAnswer = z.object({ did: z.string(), host: z.string(), name: z.string().nullable().default(null), isDrained: z.boolean() });

export type PeerRow = z.output<typeof Peer>;

export interface Around {
  readonly mesh: MeshView | null;
  /** The agent that was asked, then the other members of its mesh. */
  readonly members: readonly MemberRow[];
  /** Agents it was told of by --peer. */
  readonly peers: readonly PeerRow[];
  readonly absent: readonly { readonly url: string; readonly error: string }[];
}

/** Throws as `askJson`. */
export async function askAround(door: AgentDoor, signal: AbortSignal): Promise<Around> {
  const { success, data, error } = Answer.safeParse(await askJson(door, { method: 'GET', path: '/v1/agents', signal }));
  if (!success) throw invalid(door.url, z.prettifyError(error));
  const [, ...peers] = data.agents;
  // An agent of before there were meshes.
  if (data.members === undefined) throw tooOld(door.url);
  return { mesh: data.mesh, members: data.members, peers, absent: data.absent };
}

/** Throws `MEMBER_UNKNOWN`, and as `askJson`. */
export async function askDrain(door: AgentDoor, word: string, isDrained: boolean, signal: AbortSignal): Promise<Drained> {
  const path = `/v1/agents/${encodeURIComponent(word)}/${isDrained ? 'drain' : 'undrain'}`;
  const { success, data } = DrainAnswer.safeParse(await askJson(door, { method: 'POST', path, signal }));
  if (!success) throw invalid(door.url, 'it does not say who was drained');
  return data;
}

function tooOld(url: string): DocketError {
  return new DocketError('AGENT_INVALID', `the agent at ${url} is of a version that knows no mesh`, { next: 'Upgrade Docket there.' });
}
