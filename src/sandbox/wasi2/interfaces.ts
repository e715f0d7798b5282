import type { HostInterface } from '../component/host-interface.ts';
import { CLI } from './cli.ts';
import { CLOCKS } from './clocks.ts';
import { FILESYSTEM } from './filesystem.ts';
import { HOMESTAR } from './homestar.ts';
import { IO_ERROR, POLL, STREAMS } from './io.ts';
import { RANDOM } from './random.ts';
import { SOCKETS } from './sockets.ts';
import type { System } from './system.ts';

/** All that components may import. HTTP is not there, so a component that imports it is refused; sockets are there and deny. */
export const INTERFACES: readonly HostInterface<System>[] = [
  IO_ERROR,
  POLL,
  STREAMS,
  ...CLI,
  ...CLOCKS,
  ...FILESYSTEM,
  ...RANDOM,
  ...SOCKETS,
  ...HOMESTAR,
];

const BY_NAME: ReadonlyMap<string, HostInterface<System>> = new Map(INTERFACES.map((each) => [each.name, each]));

/** `interfaceName` without its version. Arguments have the shapes of their types, which were compared when the component was linked. */
export function callHost(system: System, interfaceName: string, name: string, args: readonly unknown[]): unknown {
  const { call } = BY_NAME.get(interfaceName)!.functions[name]!;
  return (call as (system: System, ...args: readonly unknown[]) => unknown)(system, ...args);
}
