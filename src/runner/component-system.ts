import type { Plan } from '../sandbox/component/plan-model.ts';
import { Budget } from '../sandbox/files/budget.ts';
import type { Content } from '../sandbox/files/content.ts';
import { FileSystem } from '../sandbox/files/file-system.ts';
import { Preview1 } from '../sandbox/wasi/preview1.ts';
import { OpenFiles } from '../sandbox/wasi2/open-files.ts';
import type { InputStream } from '../sandbox/wasi2/streams.ts';
import type { System } from '../sandbox/wasi2/system.ts';
import type { BlobSink } from './blob-sink.ts';
import type { FueledJob } from './fuel.ts';
import { granted } from './granted.ts';
import type { Bench } from './op.ts';

/** What a component that calls the host works on for one task: no files, nothing to read, a log of its own. */
export interface ComponentSystem extends Disposable {
  readonly system: System;
  readonly budget: Budget;
  /** For core modules that import preview 1. */
  readonly preview1: Preview1;
}

/** What a component works on are its arguments. */
const NOTHING: InputStream = { read: () => new Uint8Array(0), skip: () => 0 };

/** `undefined` for one that calls nothing: it has nothing to notice. */
export function componentSystem(
  plan: Plan,
  { job, fuel: { toll } }: FueledJob,
  { blobs, onOutput }: Bench,
  sink: BlobSink,
): ComponentSystem | undefined {
  if (!plan.callsHost) return undefined;
  using stack = new DisposableStack();
  const budget = new Budget(job.limits.output);
  const { clock, random } = granted(job);
  const files = stack.use(FileSystem.mount({}, { budget, blobs, spills: sink.spills, now: () => clock.now(), toll }));
  const openFiles = Math.max(3, job.limits.openFiles);
  const preview1 = stack.use(new Preview1({ args: [], env: {}, files, clock, random, toll, openFiles, preopens: [], onOutput }));
  const streams: Readonly<Record<'stdout' | 'stderr', Content>> = preview1;
  const wrote = (stream: 'stdout' | 'stderr'): void => onOutput(stream, streams[stream]);
  const system: System = {
    args: [],
    env: [],
    stdin: NOTHING,
    files: new OpenFiles(files, 0, 0),
    root: undefined,
    stdout: preview1.stdout,
    stderr: preview1.stderr,
    clock,
    random,
    toll,
    memory: job.limits.memory,
    wrote,
    started: clock.monotonic(),
  };
  const owned = stack.move();
  return { system, budget, preview1, [Symbol.dispose]: () => owned[Symbol.dispose]() };
}
