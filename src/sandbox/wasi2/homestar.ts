import type { HostInterface } from '../component/host-interface.ts';
import { append, type System } from './system.ts';

/** What Homestar offers beside WASI. */

const SECOND = 1_000_000_000n;
const MILLISECOND = 1_000_000n;

/** Control characters of a guest must not end its line: each line of the log is one message. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, '\\n');
}

function log(system: System, level: string, context: string, message: string): void {
  append(system, 'stderr', Buffer.from(`${level}${context === '' ? '' : ` ${oneLine(context)}`}: ${oneLine(message)}\n`));
}

/** Time since the instance was made. */
function currentTime({ clock, started }: System): unknown {
  const passed = clock.monotonic() - started;
  return {
    seconds: passed / SECOND,
    milliseconds: Number((passed % SECOND) / MILLISECOND),
    nanoseconds: Number(passed % SECOND),
  };
}

export const HOMESTAR: readonly HostInterface<System>[] = [
  {
    name: 'wasi:logging/logging',
    // It never got a version that is final.
    accepts: (version) => version === undefined || version === '0.1.0-draft',
    resources: {},
    functions: {
      log: {
        type: 'func(enum { trace, debug, info, warn, error, critical }, string, string)',
        call: log,
      },
    },
  },
  {
    name: 'homestar:host/helpers',
    accepts: (version) => version === '0.0.1' || version === '0.1.1',
    resources: {},
    functions: {
      'get-current-time': { type: 'func() -> record { seconds: u64, milliseconds: u32, nanoseconds: u32 }', call: currentTime },
      print: {
        type: 'func(string)',
        call: (system: System, message: string) => append(system, 'stdout', Buffer.from(`${message}\n`)),
      },
    },
  },
];
