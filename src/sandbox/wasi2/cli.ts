import type { ResourceType } from '../component/handles.ts';
import type { HostInterface } from '../component/host-interface.ts';
import { Exit } from '../wasi/process-calls.ts';
import { INPUT_STREAM, OUTPUT_STREAM } from './io.ts';
import type { OutputStream } from './streams.ts';
import { append, isPreview2, type System } from './system.ts';

/** `wasi:cli`. What is called with values has no arguments, no environment and nothing to read, and what it writes to stdout and stderr is its log. */

const TERMINAL_INPUT: ResourceType = { name: 'terminal-input', definer: undefined };
const TERMINAL_OUTPUT: ResourceType = { name: 'terminal-output', definer: undefined };

function stream(name: 'stdout' | 'stderr'): HostInterface<System> {
  const output = (system: System): OutputStream => ({ write: (bytes) => append(system, name, bytes) });
  return {
    name: `wasi:cli/${name}`,
    accepts: isPreview2,
    resources: { 'output-stream': OUTPUT_STREAM },
    functions: { [`get-${name}`]: { type: 'func() -> own<output-stream>', call: output } },
  };
}

/** No stream is a terminal. */
function terminal(name: 'stdin' | 'stdout' | 'stderr'): HostInterface<System> {
  const direction = name === 'stdin' ? 'input' : 'output';
  return {
    name: `wasi:cli/terminal-${name}`,
    accepts: isPreview2,
    resources: {},
    functions: { [`get-terminal-${name}`]: { type: `func() -> option<own<terminal-${direction}>>`, call: () => undefined } },
  };
}

function exit(status: number): never {
  throw new Exit(status);
}

export const CLI: readonly HostInterface<System>[] = [
  {
    name: 'wasi:cli/environment',
    accepts: isPreview2,
    resources: {},
    functions: {
      'get-environment': { type: 'func() -> list<tuple<string, string>>', call: ({ env }: System) => env },
      'get-arguments': { type: 'func() -> list<string>', call: ({ args }: System) => args },
      'initial-cwd': { type: 'func() -> option<string>', call: ({ root }: System) => (root === undefined ? undefined : '/') },
    },
  },
  {
    name: 'wasi:cli/exit',
    accepts: isPreview2,
    resources: {},
    functions: {
      exit: { type: 'func(result)', call: (_: System, { tag }: { readonly tag: string }) => exit(tag === 'ok' ? 0 : 1) },
      'exit-with-code': { type: 'func(u8)', call: (_: System, status: number) => exit(status) },
    },
  },
  {
    name: 'wasi:cli/stdin',
    accepts: isPreview2,
    resources: { 'input-stream': INPUT_STREAM },
    functions: { 'get-stdin': { type: 'func() -> own<input-stream>', call: ({ stdin }: System) => stdin } },
  },
  stream('stdout'),
  stream('stderr'),
  { name: 'wasi:cli/terminal-input', accepts: isPreview2, resources: { 'terminal-input': TERMINAL_INPUT }, functions: {} },
  { name: 'wasi:cli/terminal-output', accepts: isPreview2, resources: { 'terminal-output': TERMINAL_OUTPUT }, functions: {} },
  terminal('stdin'),
  terminal('stdout'),
  terminal('stderr'),
];
