import type { Detached } from '../scheduler/driver.ts';
import type { Call, OptionSpecs } from './command.ts';
import type { Desk } from './desk.ts';

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
