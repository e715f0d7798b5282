import { findAgent, meshOfKilled, type RunningAgent } from '../agent/find-agent.ts';
import { isDocketError } from '../errors.ts';
import type { Call } from './command.ts';
import type { Desk } from './desk.ts';
import { homeOf, openEngine } from './open-engine.ts';
import { printable } from './present.ts';

interface DeskOptions {
  /** Of the engine, if there is one. */
  readonly slots?: number | undefined;
  /** The home is only looked at. Default false. */
  readonly lookOnly?: boolean;
  /** Work is to be done, which an agent of the home does if there is one. Default false. */
  readonly drives?: boolean;
  /** Runs are asked for by name: those of a mesh are known to the agent of the home, not to the home. Default false. */
  readonly ofRuns?: boolean;
}

/**
 * Opens where the call says: the agent of --agent or DOCKET_AGENT, else the home. Whoever shares a home with an agent looks at it and puts files there himself,
 * and leaves the work to the agent, unless --local is given. An agent that is in a mesh is asked for what the home lacks. Who asks for runs asks that agent if it is in a mesh: it knows of those that others drive.
 */
export async function openDesk(call: Call, { slots, lookOnly = false, drives = false, ofRuns = false }: DeskOptions = {}): Promise<Desk> {
  const isLocal = call.flag('local');
  const url = call.value('agent') ?? (isLocal ? undefined : call.env['DOCKET_AGENT']);
  if (isLocal && url !== undefined) throw call.usage('--local and --agent contradict each other');
  if (url !== undefined && url !== '') return (await import('./agent-desk.ts')).openAgentDesk(call, url);
  const agent = isLocal ? undefined : findAgent(homeOf(call));
  if (ofRuns && !isLocal && agent === undefined) tellOfMesh(call);
  const isAsked = ofRuns && agent?.mesh !== undefined;
  const member = isAsked ? await openMemberDesk(call, agent) : undefined;
  if (member !== undefined) return member;
  const engine = await openEngine(call, { lookOnly, ...(slots === undefined ? {} : { slots }) });
  const { homeDesk } = await import('./home-desk.ts');
  const desk = await homeDesk(engine, {
    agent: drives ? agent : undefined,
    onSilence: ({ message }) => void call.streams.stderr.write(`docket: ${message}; the work is done here\n`),
  });
  // One that was asked just now and did not answer is not asked for more.
  return agent?.mesh === undefined || isAsked ? desk : (await import('./of-mesh.ts')).withMesh(desk, agent);
}

/** What the home says of runs is then of the moment its agent was killed. */
function tellOfMesh(call: Call): void {
  const mesh = meshOfKilled(homeOf(call));
  if (mesh === undefined) return;
  const told = `this home is in the mesh ${mesh}, and its agent was killed: what this home knew then is shown, and its runs may go on or have ended there`;
  call.streams.stderr.write(
    `docket: ${printable(told)}\n  --agent URL of another agent of the mesh tells how they are; or start the agent again.\n`,
  );
}

/** At the agent of the home, if it answers. */
async function openMemberDesk(call: Call, agent: RunningAgent): Promise<Desk | undefined> {
  const door = { url: agent.local, token: agent.token };
  const [{ greet }, { agentDesk }] = await Promise.all([import('../sdk/greet.ts'), import('./agent-desk.ts')]);
  try {
    await greet(door);
  } catch (error) {
    if (!isDocketError(error)) throw error;
    call.streams.stderr.write(`docket: ${error.message}; what this home knows is shown\n`);
    return undefined;
  }
  return agentDesk(door);
}
