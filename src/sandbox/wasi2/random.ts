import type { HostInterface } from '../component/host-interface.ts';
import { trap } from '../component/trap.ts';
import { isPreview2, type System } from './system.ts';

/** `wasi:random`, all three from the one stream of the task, which its key seeds. */

const MOST_BYTES = 64 << 20;

/** The host makes them before the guest is asked for room: a small one could make it hold much. */
function bytes({ memory, random, toll }: System, length: bigint): Uint8Array {
  const most = Math.min(memory, MOST_BYTES);
  if (length > most) throw trap(`${length} random bytes were asked for, ${most} are given at a time`);
  toll.bytes(Number(length));
  const target = new Uint8Array(Number(length));
  random(target);
  return target;
}

function number(system: System): bigint {
  return new DataView(bytes(system, 8n).buffer).getBigUint64(0, true);
}

export const RANDOM: readonly HostInterface<System>[] = [
  {
    name: 'wasi:random/random',
    accepts: isPreview2,
    resources: {},
    functions: {
      'get-random-bytes': { type: 'func(u64) -> list<u8>', call: bytes },
      'get-random-u64': { type: 'func() -> u64', call: number },
    },
  },
  {
    name: 'wasi:random/insecure',
    accepts: isPreview2,
    resources: {},
    functions: {
      'get-insecure-random-bytes': { type: 'func(u64) -> list<u8>', call: bytes },
      'get-insecure-random-u64': { type: 'func() -> u64', call: number },
    },
  },
  {
    name: 'wasi:random/insecure-seed',
    accepts: isPreview2,
    resources: {},
    functions: { 'insecure-seed': { type: 'func() -> tuple<u64, u64>', call: (system: System) => [number(system), number(system)] } },
  },
];
