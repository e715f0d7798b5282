import { DocketError } from '../errors.ts';
import type { AgentDoor } from '../store/agent-call.ts';
import type { Call } from './command.ts';
import { homeOf } from './open-engine.ts';

/** The agent a command asks that works with agents only: that of --agent or DOCKET_AGENT, else the one on the home. Throws `USAGE`, `AGENT_UNREACHABLE`. */
export async function agentDoor(call: Call): Promise<AgentDoor> {
  if (call.flag('local')) throw call.usage('an agent is asked, so --local means nothing here');
  const url = call.value('agent') ?? call.env['DOCKET_AGENT'];
  if (url !== undefined && url !== '') return await (await import('./agent-desk.ts')).doorOf(call, url);
  const home = homeOf(call);
  const { findAgent, isHeldByAgent } = await import('../agent/find-agent.ts');
  const found = findAgent(home);
  if (found !== undefined) return { url: found.local, token: found.token };
  if (isHeldByAgent(home))
    throw new DocketError(
      'AGENT_UNREACHABLE',
      `the agent on the home ${home} takes no questions yet, or no more: it is starting or stopping`,
      {
        next: 'One that starts into a mesh waits until a server of it can be reached; its log says so. Ask again then.',
      },
    );
  throw new DocketError('AGENT_UNREACHABLE', `no agent runs on the home ${home}`, {
    next: 'Start one with `docket agent`, try several with `docket dev`, or name one with --agent URL.',
  });
}
