import type { DocketError } from '../errors.ts';
import type { Call, OptionSpecs } from './command.ts';

/** Of commands that can leave a run to an agent. */
export const DETACH_OPTION = {
  detach: { type: 'flag', help: 'leave the run to the agent: print its id and end; `docket watch` follows it' },
} as const satisfies OptionSpecs;

/** There is nobody to leave it to. */
export function noAgent(call: Call): DocketError {
  if (call.value('out') !== undefined) return call.usage('--detach does not wait for what --out would write');
  return call.usage(
    '--detach needs an agent that goes on with the run',
    'Start one on this home (`docket agent`), or name one with --agent URL.',
  );
}
