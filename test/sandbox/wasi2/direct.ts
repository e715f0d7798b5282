import type { Descriptor, Flags } from '../../../src/sandbox/wasi2/descriptor.ts';
import { Uncounted } from '../../../src/sandbox/metering/toll.ts';
import { ContentInput } from '../../../src/sandbox/wasi2/file-streams.ts';
import { callHost } from '../../../src/sandbox/wasi2/interfaces.ts';
import { OpenFiles } from '../../../src/sandbox/wasi2/open-files.ts';
import type { System } from '../../../src/sandbox/wasi2/system.ts';
import { virtualClock } from '../../../src/sandbox/wasi/clock.ts';
import { seededRandom } from '../../../src/sandbox/wasi/random.ts';
import type { Making } from '../../contract/files.ts';
import { Bench } from '../wasi/helpers.ts';

export interface Result<T> {
  readonly tag: 'ok' | 'err';
  readonly val: T;
}

/** A guest that calls WASI 0.2 with the values that its calls would become. */
export class Direct2 implements Disposable {
  readonly system: System;
  readonly root: Descriptor;
  readonly #bench = new Bench();

  constructor(options: Making & { readonly stdin?: string } = {}) {
    const clock = virtualClock();
    const files = this.#bench.files(options.mounts ?? {}, {
      ...(options.output === undefined ? {} : { output: options.output }),
      now: () => clock.now(),
    });
    const open = new OpenFiles(files, options.openFiles ?? 64, 3);
    this.system = {
      args: ['test'],
      env: [],
      stdin: new ContentInput(files.content({ bytes: Buffer.from(options.stdin ?? '') })),
      files: open,
      root: open.open(files.root).hold(),
      stdout: files.content(),
      stderr: files.content(),
      clock,
      random: seededRandom(new Uint8Array(32)),
      memory: 1 << 20,
      toll: new Uncounted(),
      wrote: () => {},
      started: 0n,
    };
    const [[root]] = this.call('wasi:filesystem/preopens', 'get-directories') as [[Descriptor, string]];
    this.root = root;
  }

  call(from: string, name: string, ...args: readonly unknown[]): unknown {
    return callHost(this.system, from, name, args);
  }

  /** A method of descriptors. */
  on<T>(self: Descriptor, name: string, ...args: readonly unknown[]): Result<T> {
    return this.call('wasi:filesystem/types', `[method]descriptor.${name}`, self, ...args) as Result<T>;
  }

  stream<T>(self: unknown, name: string, ...args: readonly unknown[]): Result<T> {
    return this.call('wasi:io/streams', `[method]${name}`, self, ...args) as Result<T>;
  }

  open(path: string, flags: Partial<Flags> = { read: true }, how: object = {}, base = this.root): Result<Descriptor> {
    return this.on(base, 'open-at', { symlinkFollow: true }, path, how, flags);
  }

  [Symbol.dispose](): void {
    this.#bench[Symbol.dispose]();
  }
}
