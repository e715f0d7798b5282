import { isDocketError } from '../errors.ts';
import type { Detached } from '../scheduler/driver.ts';
import type { Plan } from '../workflow/model.ts';
import type { Call, OptionSpecs } from './command.ts';
import type { Desk } from './desk.ts';
import { saysFromWhere } from './fetching.ts';

/** Of commands that can leave a run to an agent. */
export const DETACH_OPTION = {
  detach: { type: 'flag', help: 'leave the run to the agent: print its id and end; `docket watch` follows it' },
} as const satisfies OptionSpecs;

/** Who the run is to be left to; undefined if it is not to be left. Throws `USAGE` if there is nobody, or if somebody is to wait for the outputs. */
export function detachTo(call: Call, { detached }: Pick<Desk, 'detached'>): Detached | undefined {
  if (!call.flag('detach')) return undefined;
  if (call.value('out') !== undefined) throw call.usage('--detach does not wait for what --out would write');
  if (detached !== undefined) return detached;
  throw call.usage(
    '--detach needs an agent that goes on with the run',
    'Start one on this home (`docket agent`), or name one with --agent URL.',
  );
}

interface Leaving {
  /** Gives the id of the run. */
  readonly start: (plan: Plan) => Promise<string>;
  /** Without what is not here. */
  readonly compileHere: () => Promise<Plan>;
  /** With all of it, which may take long. */
  readonly compileFetched: () => Promise<Plan>;
}

/** Leaves a run to an agent, which fetches what is not here, so that nobody waits for it. What it may not, and what this call says from where, is fetched first. */
export async function leaveRun(call: Call, { start, compileHere, compileFetched }: Leaving): Promise<string> {
  if (!saysFromWhere(call)) {
    try {
      return await start(await compileHere());
    } catch (error) {
      if (!isDocketError(error, 'RESOURCE_REFUSED')) throw error;
    }
  }
  return await start(await compileFetched());
}
