import type { Call } from './command.ts';
import type { Desk } from './desk.ts';
import { openEngine } from './open-engine.ts';

interface DeskOptions {
  /** Of the engine, if there is one. */
  readonly slots?: number | undefined;
  /** The home is only looked at. Default false. */
  readonly lookOnly?: boolean;
  /** Work is to be done, which an agent of the home does if there is one. Default false. */
  readonly drives?: boolean;
}

/**
 * Opens where the call says: the agent of --agent or DOCKET_AGENT, else the home. Whoever shares a home with an agent looks at it and puts files there himself,
 * and leaves the work to the agent, unless --local is given.
 */
export async function openDesk(call: Call, { slots, lookOnly = false, drives = false }: DeskOptions = {}): Promise<Desk> {
  const isLocal = call.flag('local');
  const url = call.value('agent') ?? (isLocal ? undefined : call.env['DOCKET_AGENT']);
  if (isLocal && url !== undefined) throw call.usage('--local and --agent contradict each other');
  if (url !== undefined && url !== '') return (await import('./agent-desk.ts')).openAgentDesk(call, url);
  const engine = await openEngine(call, { lookOnly, ...(slots === undefined ? {} : { slots }) });
  const { homeDesk } = await import('./home-desk.ts');
  return await homeDesk(engine, {
    drives: drives && !isLocal,
    onSilence: ({ message }) => void call.streams.stderr.write(`docket: ${message}; the work is done here\n`),
  });
}
