import { DocketError } from '../../errors.ts';
import { throwUncatchable } from '../ending.ts';
import { Content } from '../files/content.ts';
import { Errno } from '../files/errno.ts';
import type { FileSystem } from '../files/file-system.ts';
import { type Toll, Uncounted } from '../metering/toll.ts';
import { DIRECTORY_RIGHTS, FILE_RIGHTS, RIGHT, STREAM_RIGHTS } from './abi.ts';
import type { GuestClock } from './clock.ts';
import { Descriptors } from './descriptors.ts';
import { GuestMemory } from './guest-memory.ts';
import type { Host } from './host.ts';
import { importsOf } from './imports.ts';
import { Exit } from './process-calls.ts';
import type { GuestRandom } from './random.ts';

interface Options {
  /** `args[0]` is the program's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Default: nothing to read. Belongs to the `Preview1` from now on. */
  readonly stdin?: Content;
  readonly files: FileSystem;
  readonly clock: GuestClock;
  readonly random: GuestRandom;
  /** Default: calls are free. */
  readonly toll?: Toll;
  /** Descriptors open at a time, the standard streams and preopens included; beyond it the guest gets EMFILE. */
  readonly openFiles: number;
  /** Guest paths of directories opened before the start, from descriptor 3 on; default `/`, which holds all there is. */
  readonly preopens?: readonly string[];
  /** Called when the guest has added to a stream. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', content: Content) => void;
}

/**
 * WASI preview 1 for one task, over its own virtual files: nothing a guest passes reaches the host's file system.
 * Single-threaded, used for one instance and its extensions.
 *
 * Invariants: 1. What ended the task inside a host call is kept (`ending`), guests are thrown what they cannot catch; what ended it first stays
 * its end. 2. A host call that fails for the guest changed nothing.
 */
export class Preview1 implements Host {
  readonly memory = new GuestMemory();
  readonly files: FileSystem;
  readonly descriptors: Descriptors;
  readonly clock: GuestClock;
  readonly random: GuestRandom;
  readonly toll: Toll;
  readonly args: readonly Uint8Array[];
  readonly environ: readonly Uint8Array[];
  readonly stdout: Content;
  readonly stderr: Content;
  readonly #stdin: Content;
  #ending: Error | undefined;

  /** Throws `USAGE` for an argument or variable that preview 1 cannot carry, `LIMIT_REFUSED` if the limit is below what is open at the start. */
  constructor(options: Options) {
    const { files, openFiles, preopens = ['/'] } = options;
    if (openFiles < 3 + preopens.length) {
      throw new DocketError('LIMIT_REFUSED', `a task starts with ${3 + preopens.length} open descriptors, ${openFiles} are fewer`);
    }
    this.files = files;
    this.clock = options.clock;
    this.random = options.random;
    this.toll = options.toll ?? new Uncounted();
    this.args = options.args.map(toText);
    this.environ = Object.entries(options.env).map(([name, value]) => toVariable(name, value));
    this.descriptors = new Descriptors(files, openFiles);
    this.#stdin = options.stdin ?? files.content();
    this.stdout = files.content();
    this.stderr = files.content();
    this.descriptors.add({
      kind: 'input',
      content: this.#stdin,
      position: 0,
      rights: STREAM_RIGHTS | RIGHT.fdRead,
      inheriting: 0,
      flags: 0,
    });
    const { onOutput } = options;
    for (const stream of ['stdout', 'stderr'] as const) {
      const content = this[stream];
      const wrote = onOutput === undefined ? (): void => {} : () => onOutput(stream, content);
      this.descriptors.add({ kind: 'output', content, wrote, rights: STREAM_RIGHTS | RIGHT.fdWrite, inheriting: 0, flags: 0 });
    }
    for (const preopen of preopens) this.#preopen(preopen);
  }

  /** What to link a module's `wasi_snapshot_preview1` imports to. */
  get imports(): Record<string, (...args: never[]) => unknown> {
    return importsOf(this);
  }

  /** The same host calls for another instance of this task, one with a memory of its own, which its addresses mean. */
  importsOn(memory: GuestMemory): Record<string, (...args: never[]) => unknown> {
    const { files, descriptors, clock, random, toll, args, environ } = this;
    return importsOf({
      memory,
      files,
      descriptors,
      clock,
      random,
      toll,
      args,
      environ,
      settle: (error) => this.settle(error),
    });
  }

  /** Which memory the guest's addresses mean. Before it is bound every address is EFAULT. */
  bind(memory: WebAssembly.Memory): void {
    this.memory.bind(memory);
  }

  /**
   * Runs the guest: `guest` instantiates the module and calls `_start`. Gives the exit status, 0 if there was no `proc_exit`.
   * Throws `LimitReached`, what a host call failed with (a damaged blob, a full disk), and else what `guest` threw; what ended
   * the task inside a host call goes before all else.
   */
  run(guest: () => void): number {
    try {
      guest();
    } catch (error) {
      this.#ending ??= toError(error);
    }
    if (this.#ending === undefined) return 0;
    if (this.#ending instanceof Exit) return this.#ending.status;
    throw this.#ending;
  }

  /** What ended the task. */
  get ending(): Error | undefined {
    return this.#ending;
  }

  /** Makes the result of a host call of what it threw: an errno, or the end of the task. */
  settle(error: unknown): number {
    if (error instanceof Errno) return error.number;
    this.#ending ??= toError(error);
    return throwUncatchable();
  }

  /** Gives up what the streams hold; stdout and stderr are taken before. The files are the caller's. */
  [Symbol.dispose](): void {
    this.descriptors[Symbol.dispose]();
    this.#stdin[Symbol.dispose]();
    this.stdout[Symbol.dispose]();
    this.stderr[Symbol.dispose]();
  }

  #preopen(path: string): void {
    const inode = this.files.directoryAt(path);
    if (inode === undefined) throw new DocketError('USAGE', `"${path}" is to be opened for the task, but is no directory in it`);
    const rights = DIRECTORY_RIGHTS;
    this.descriptors.add({ kind: 'directory', inode, preopen: path, rights, inheriting: DIRECTORY_RIGHTS | FILE_RIGHTS, flags: 0 });
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error('something was thrown that is no error', { cause: error });
}

function toVariable(name: string, value: string): Uint8Array {
  if (name === '' || name.includes('=')) throw new DocketError('USAGE', `"${name}" cannot be the name of an environment variable`);
  return toText(`${name}=${value}`);
}

function toText(text: string): Uint8Array {
  if (text.includes('\0'))
    throw new DocketError('USAGE', `an argument or environment variable holds a NUL: ${JSON.stringify(text.slice(0, 64))}`);
  return Buffer.from(`${text}\0`);
}
