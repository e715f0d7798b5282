import { splitVersion } from '../component/host-interface.ts';
import { isPreview2 } from './system.ts';

/** A component that can be run as a command exports this interface, with one function, `run`. */
const COMMAND = 'wasi:cli/run';

/** The type of `run`: whether it went well. */
export const RUN_TYPE = 'func() -> result';

/** Whether an interface of this name makes a component a command. */
export function isCommand(interfaceName: string): boolean {
  const { base, version } = splitVersion(interfaceName);
  return base === COMMAND && isPreview2(version);
}

/** The function by which a component is run, among the names of all it exports, those of interfaces as `interface#func`. */
export function runFunction(names: Iterable<string>): string | undefined {
  for (const name of names) if (name.endsWith('#run') && isCommand(name.slice(0, -'#run'.length))) return name;
  return undefined;
}
