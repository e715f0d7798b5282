import { splitVersion } from '../component/host-interface.ts';
import { isPreview2 } from './system.ts';

/** A component that can be run as a command exports this interface, */
const COMMAND = 'wasi:cli/run';
/** with one function. */
export const RUN = 'run';

/** The type of `run`: whether it went well. */
export const RUN_TYPE = 'func() -> result';

/** Whether an interface of this name makes a component a command. */
export function isCommand(interfaceName: string): boolean {
  const { base, version } = splitVersion(interfaceName);
  return base === COMMAND && isPreview2(version);
}
