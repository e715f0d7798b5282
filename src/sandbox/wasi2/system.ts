import type { Content } from '../files/content.ts';
import type { Toll } from '../metering/toll.ts';
import type { GuestClock } from '../wasi/clock.ts';
import type { GuestRandom } from '../wasi/random.ts';
import type { OpenFile, OpenFiles } from './open-files.ts';
import type { InputStream } from './streams.ts';

/** What the calls of a component work on: one for each task. All of it is the sandbox's own; nothing of the host's is behind it. */
export interface System {
  readonly clock: GuestClock;
  readonly random: GuestRandom;
  readonly args: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly stdin: InputStream;
  readonly files: OpenFiles;
  /** The folder that is open before the start, as `/`; a task that has no files has none. */
  readonly root: OpenFile | undefined;
  /** Calls, and values passed in them, are paid for; what a call makes by itself is not. */
  readonly toll: Toll;
  /** Bytes of memory that the guest may hold: it is given nothing that could not fit in there. */
  readonly memory: number;
  /** Text of the standard streams; they belong to who made the system. */
  readonly stdout: Content;
  readonly stderr: Content;
  /** Told when a guest has added to a stream. */
  readonly wrote: (stream: 'stdout' | 'stderr') => void;
  /** Monotonic time at which the instance was started, in nanoseconds. */
  readonly started: bigint;
}

/** `0.2.x`, without what was before it was final. */
export function isPreview2(version: string | undefined): boolean {
  return version !== undefined && /^0\.2\.\d+$/.test(version);
}

export function ok(val?: unknown): unknown {
  return { tag: 'ok', val };
}

export function err(val: unknown): unknown {
  return { tag: 'err', val };
}

/** Writes at the end of a standard stream. Throws `LimitReached`. */
export function append(system: System, stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
  const content = system[stream];
  content.write(bytes, 0, bytes.length, content.size);
  if (bytes.length > 0) system.wrote(stream);
}
