import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as Cid from '../../../src/ipld/cid.ts';
import { Budget } from '../../../src/sandbox/files/budget.ts';
import type { ContentRef } from '../../../src/sandbox/files/content.ts';
import { FileSystem } from '../../../src/sandbox/files/file-system.ts';
import type { MountEntry } from '../../../src/sandbox/files/mount.ts';
import type { BlobSource } from '../../../src/sandbox/files/source.ts';
import { type GuestClock, virtualClock } from '../../../src/sandbox/wasi/clock.ts';
import { Preview1 } from '../../../src/sandbox/wasi/preview1.ts';
import { type GuestRandom, seededRandom } from '../../../src/sandbox/wasi/random.ts';
import { BlobReader } from '../../../src/store/blob-reader.ts';
import { stage } from '../../../src/store/staging.ts';

/** A store root in a temporary folder that goes with the test. */
export class Bench implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'docket-wasi-'));
  readonly #small = new Map<string, Uint8Array>();
  readonly blobs = new BlobReader(this.folder, this.#small);

  constructor() {
    mkdirSync(join(this.folder, 'tmp'), { recursive: true });
  }

  blob(bytes: Uint8Array | string): { readonly blob: Cid.CID } {
    const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    this.#small.set(hash('sha256', data), data);
    return { blob: Cid.ofBlob(data) };
  }

  files(mounts: Readonly<Record<string, MountEntry>> = {}, options: FileOptions = {}): FileSystem {
    return FileSystem.mount(mounts, {
      budget: new Budget(options.output ?? 1 << 30),
      blobs: options.blobs ?? this.blobs,
      spills: { create: () => stage(this.folder) },
      now: options.now ?? (() => 0n),
    });
  }

  start(options: StartOptions = {}): Preview1 {
    const clock = options.clock ?? virtualClock();
    const files = this.files(options.mounts, { ...options, now: () => clock.now() });
    const stdin = options.stdinBlob === undefined ? { bytes: Buffer.from(options.stdin ?? '') } : { blob: options.stdinBlob };
    return new Preview1({
      args: options.args ?? ['test'],
      env: options.env ?? {},
      stdin: files.content(stdin),
      files,
      clock,
      random: options.random ?? seededRandom(new Uint8Array(32)),
      openFiles: options.openFiles ?? 64,
      ...(options.preopens === undefined ? {} : { preopens: options.preopens }),
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface FileOptions {
  readonly output?: number;
  readonly blobs?: BlobSource;
  readonly now?: () => bigint;
}

interface StartOptions extends Omit<FileOptions, 'now'> {
  readonly mounts?: Readonly<Record<string, MountEntry>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly stdinBlob?: Cid.CID;
  readonly openFiles?: number;
  readonly clock?: GuestClock;
  readonly random?: GuestRandom;
  readonly preopens?: readonly string[];
}

/** Runs a command module that exports its memory; gives its exit status. */
export function runCommand(module: WebAssembly.Module, wasi: Preview1): number {
  return wasi.run(() => {
    const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi.imports });
    wasi.bind(exports['memory'] as WebAssembly.Memory);
    (exports['_start'] as () => void)();
  });
}

export function textOf(ref: ContentRef): string {
  return Buffer.from(bytesOf(ref)).toString();
}

export function bytesOf(ref: ContentRef): Uint8Array {
  assert.notEqual(ref.kind, 'blob', 'the blob was not changed');
  if (ref.kind === 'bytes') return ref.bytes;
  assert.ok(ref.kind === 'spill');
  const bytes = new Uint8Array(ref.size);
  let done = 0;
  while (done < bytes.length) {
    const count = ref.spill.read(bytes.subarray(done), done);
    assert.ok(count > 0, 'the spill is as long as it says');
    done += count;
  }
  return bytes;
}

const SOURCES = fileURLToPath(new URL('../../../guests/c', import.meta.url));

/** Why C programs cannot be compiled here, for `skip`; false if they can. */
export function noCompiler(): string | false {
  const probe = spawnSync('clang', ['--target=wasm32-wasi', '--sysroot=/usr', '-xc', '-o/dev/null', '-'], {
    input: 'int main(void) { return 0; }',
  });
  return probe.status === 0 ? false : 'needs clang with lld, wasi-libc and compiler-rt for wasm32';
}

/** Compiles `guests/c/<name>.c` into a module. */
export function compileC(name: string): WebAssembly.Module {
  return new WebAssembly.Module(buildC(name));
}

/** The binary of `guests/c/<name>.c`. With `ADAPTER` defined it leaves out what the preview 1 adapter does otherwise. */
export function buildC(name: string, ...defined: readonly 'ADAPTER'[]): Buffer<ArrayBuffer> {
  const folder = mkdtempSync(join(tmpdir(), 'docket-clang-'));
  try {
    const target = join(folder, 'out.wasm');
    const flags = ['--target=wasm32-wasi', '--sysroot=/usr', '-O1', '-Wall', '-Wextra', '-Werror', ...defined.map((each) => `-D${each}`)];
    const { status, stderr } = spawnSync('clang', [...flags, join(SOURCES, `${name}.c`), '-o', target]);
    assert.equal(status, 0, String(stderr));
    return readFileSync(target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
