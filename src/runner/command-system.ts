import { DocketError } from '../errors.ts';
import { ContentInput } from '../sandbox/wasi2/file-streams.ts';
import { OpenFiles } from '../sandbox/wasi2/open-files.ts';
import type { System } from '../sandbox/wasi2/system.ts';
import type { Limits } from '../workflow/limits.ts';
import type { CommandWorld } from './command-world.ts';
import type { Bench } from './op.ts';

/** Standard streams count as open files, as they do in preview 1. */
const STREAMS = 3;

/** What the calls of a command component work on. The standard streams it makes belong to it; the rest is the world's. */
export interface CommandSystem extends Disposable {
  readonly system: System;
}

/** Throws `LIMIT_REFUSED` if the limit is below what is open at the start. */
export function commandSystem(
  world: CommandWorld,
  { memory, openFiles }: Pick<Limits, 'memory' | 'openFiles'>,
  onOutput: Bench['onOutput'],
): CommandSystem {
  if (openFiles < STREAMS + 1)
    throw new DocketError('LIMIT_REFUSED', `a task starts with ${STREAMS + 1} open descriptors, ${openFiles} are fewer`);
  using stack = new DisposableStack();
  const { args, clock, env, files, random, stdin, toll } = world;
  const streams = { stdout: stack.use(files.content()), stderr: stack.use(files.content()) };
  const open = new OpenFiles(files, openFiles, STREAMS);
  const system: System = {
    args,
    env: Object.entries(env),
    stdin: new ContentInput(stdin),
    files: open,
    root: open.open(files.root).hold(),
    ...streams,
    clock,
    random,
    toll,
    memory,
    wrote: (stream) => onOutput(stream, streams[stream]),
    started: 0n,
  };
  const owned = stack.move();
  return { system, [Symbol.dispose]: () => owned[Symbol.dispose]() };
}
