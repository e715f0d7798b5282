import { Budget } from '../sandbox/files/budget.ts';
import type { Content } from '../sandbox/files/content.ts';
import { FileSystem } from '../sandbox/files/file-system.ts';
import type { Toll } from '../sandbox/metering/toll.ts';
import type { GuestClock } from '../sandbox/wasi/clock.ts';
import type { GuestRandom } from '../sandbox/wasi/random.ts';
import { BlobSink } from './blob-sink.ts';
import type { FueledJob } from './fuel.ts';
import { granted } from './granted.ts';
import type { Bench } from './op.ts';
import type { WasiInput } from './wasi-input.ts';

/** What a command finds as the first of its arguments: the same for all, or the same module under another file name would be another task. */
const PROGRAM = 'program';

/** What a command is given for one task, by whichever version of WASI it asks. */
export interface CommandWorld extends Disposable {
  /** With the program's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Content;
  readonly files: FileSystem;
  readonly clock: GuestClock;
  readonly random: GuestRandom;
  readonly toll: Toll;
  readonly budget: Budget;
  readonly sink: BlobSink;
}

export function commandWorld({ job, fuel: { toll } }: FueledJob, input: WasiInput, { blobs, storeRoot }: Bench): CommandWorld {
  using stack = new DisposableStack();
  const sink = new BlobSink(storeRoot);
  const budget = new Budget(job.limits.output);
  const { clock, random } = granted(job);
  const files = stack.use(FileSystem.mount(input.files, { budget, blobs, spills: sink.spills, now: () => clock.now(), toll }));
  const stdin = stack.use(files.content(input.stdin));
  const owned = stack.move();
  const args = [PROGRAM, ...input.args];
  return { args, env: input.env, stdin, files, clock, random, toll, budget, sink, [Symbol.dispose]: () => owned[Symbol.dispose]() };
}
