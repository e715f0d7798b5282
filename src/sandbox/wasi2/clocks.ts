import type { HostInterface } from '../component/host-interface.ts';
import { type Pollable, POLLABLE } from './io.ts';
import { isPreview2, type System } from './system.ts';

/** `wasi:clocks`, over the clock of the sandbox. */

const SECOND = 1_000_000_000n;
const DATETIME = 'record { seconds: u64, nanoseconds: u32 }';
const LATEST = (1n << 64n) - 1n;

interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

function datetime(time: bigint): Datetime {
  return { seconds: time / SECOND, nanoseconds: Number(time % SECOND) };
}

export const CLOCKS: readonly HostInterface<System>[] = [
  {
    name: 'wasi:clocks/wall-clock',
    accepts: isPreview2,
    resources: {},
    functions: {
      now: { type: `func() -> ${DATETIME}`, call: ({ clock }: System) => datetime(clock.realtime()) },
      resolution: { type: `func() -> ${DATETIME}`, call: ({ clock }: System) => datetime(clock.resolution) },
    },
  },
  {
    name: 'wasi:clocks/monotonic-clock',
    accepts: isPreview2,
    resources: { pollable: POLLABLE },
    functions: {
      now: { type: 'func() -> u64', call: ({ clock }: System) => clock.monotonic() },
      resolution: { type: 'func() -> u64', call: ({ clock }: System) => clock.resolution },
      'subscribe-instant': { type: 'func(u64) -> own<pollable>', call: (_: System, due: bigint): Pollable => ({ due }) },
      'subscribe-duration': {
        type: 'func(u64) -> own<pollable>',
        call: ({ clock }: System, duration: bigint): Pollable => {
          const due = clock.monotonic() + duration;
          return { due: due < LATEST ? due : LATEST };
        },
      },
    },
  },
];
