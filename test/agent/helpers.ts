import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import wabt from 'wabt';
import { ROOT } from '../../scripts/run-command.ts';
import { Engine } from '../../src/agent/engine.ts';
import { type RunOptions, runPlan } from '../../src/agent/run-plan.ts';
import type { FinishedRun } from '../../src/scheduler/driver.ts';
import { importerOf } from '../../src/agent/importer.ts';
import { localSources } from '../../src/agent/sources.ts';
import { type Ipld, isMap } from '../../src/ipld/value.ts';
import * as Home from '../../src/ledger/home.ts';
import { decode } from '../../src/receipt/verify.ts';
import { compile } from '../../src/workflow/compile.ts';

/** Real `docket` processes on homes of their own, and what can be seen of them from outside: the ledger's rows, the folders, `/proc`. */

export const GUESTS = join(ROOT, 'build', 'guests');
const MAIN = join(ROOT, 'src', 'cli', 'main.ts');

/** What stands between a test and waiting for ever; no test asserts it. */
const PATIENCE = 60_000;

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The document `docket run --json` prints. */
export interface Report {
  readonly run: string;
  readonly state: string;
  readonly tasks: Readonly<Record<'total' | 'ran' | 'cached' | 'failed' | 'skipped' | 'cancelled', number>>;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly errors: readonly { readonly task: string; readonly code: string; readonly message: string }[];
}

export class Docket {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], home: string, cwd: string) {
    const env = { ...process.env, DOCKET_HOME: home, NO_COLOR: '1' };
    this.child = spawn(process.execPath, [MAIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) =>
      this.child.on('close', (status, signal) => resolve({ status, signal, stdout: this.stdout, stderr: this.stderr })),
    );
  }

  get pid(): number {
    return this.child.pid!;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  kill(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }

  /** Waits for something to be so; false if the process ended before. */
  async until(isSo: () => boolean): Promise<boolean> {
    const deadline = Date.now() + PATIENCE;
    while (!isSo()) {
      if (this.hasEnded) return isSo();
      assert.ok(Date.now() < deadline, `waited too long; it said:\n${this.stderr}`);
      await pause(1);
    }
    return true;
  }

  /** Fails the test unless it completed. */
  async report(): Promise<Report> {
    const { status, stdout, stderr } = await this.ended;
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as Report;
  }
}

/** A home and a folder for workflow files, both removed at the end. */
export class Place implements Disposable {
  readonly folder: string;
  readonly paths: Home.Paths;
  readonly #started = new Set<Docket>();

  constructor(folder = mkdtempSync(join(tmpdir(), 'docket-faults-')), home = join(folder, 'home')) {
    this.folder = folder;
    this.paths = Home.paths(home);
  }

  at(...names: string[]): string {
    return join(this.folder, ...names);
  }

  write(name: string, content: string | Uint8Array): string {
    mkdirSync(join(this.at(name), '..'), { recursive: true });
    writeFileSync(this.at(name), content);
    return this.at(name);
  }

  start(...args: readonly string[]): Docket {
    const docket = new Docket(args, this.paths.home, this.folder);
    this.#started.add(docket);
    return docket;
  }

  docket(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  run(...args: readonly string[]): Promise<Report> {
    return this.start('run', ...args, '--json').report();
  }

  /** The same in this process, with a slot process of its own: for what is not about killing Docket. Takes no longer than the work itself. */
  async runHere(file: string, options: RunOptions = {}): Promise<FinishedRun> {
    await using engine = await this.open();
    return await this.runWith(engine, file, options);
  }

  /** The home with one slot. */
  open(): Promise<Engine> {
    return Engine.open({ home: this.paths.home, slots: 1 });
  }

  async runWith(engine: Engine, file: string, options: RunOptions = {}): Promise<FinishedRun> {
    const path = this.at(file);
    const sources = localSources(path, importerOf(engine));
    return await runPlan(engine, await compile(readFileSync(path, 'utf8'), { file: path, inputs: {}, sources }), options);
  }

  /** Every receipt, oldest first. Empty if there is no ledger yet. */
  receipts(): Filed[] {
    return this.query('SELECT id, cid, instruction, bytes FROM receipts ORDER BY id').map(filed);
  }

  /** Which receipts there are, also such as cannot be decoded. */
  rawReceipts(): { readonly instruction: string }[] {
    const rows = this.query('SELECT instruction FROM receipts ORDER BY id');
    return rows.map(([instruction]) => ({ instruction: Buffer.from(instruction as Uint8Array).toString('hex') }));
  }

  runs(): { readonly run: string; readonly state: string }[] {
    return this.query('SELECT run, state FROM runs ORDER BY id').map(([run, state]) => ({ run: run as string, state: state as string }));
  }

  /** Labels of the tasks that ended, by instruction. */
  labels(): Map<string, string> {
    const rows = this.query('SELECT instruction, label FROM run_tasks');
    return new Map(rows.map(([instruction, label]) => [Buffer.from(instruction as Uint8Array).toString('hex'), label as string]));
  }

  /** Changes the ledger behind Docket's back. */
  tamper(sql: string, ...parameters: (string | number | Uint8Array)[]): void {
    using db = new DatabaseSync(this.paths.ledger, { timeout: 5_000 });
    db.prepare(sql).run(...parameters);
  }

  /** Rows of the ledger as arrays; none if there is no ledger yet. */
  query(sql: string): readonly (readonly unknown[])[] {
    try {
      using db = new DatabaseSync(this.paths.ledger, { readOnly: true, timeout: 5_000 });
      const statement = db.prepare(sql);
      statement.setReturnArrays(true);
      return statement.all() as unknown as unknown[][];
    } catch (error) {
      if (/unable to open|no such table/.test((error as Error).message)) return [];
      throw error;
    }
  }

  /** Runs with a journal of attempts, with its lines. */
  journals(): Map<string, string[]> {
    const folder = join(this.paths.home, 'flights');
    return new Map(
      list(folder).flatMap((run): [string, string[]][] => {
        const text = readText(join(folder, run));
        return text === undefined
          ? []
          : [
              [
                run,
                text
                  .slice(0, text.lastIndexOf('\n') + 1)
                  .split('\n')
                  .filter((line) => line !== ''),
              ],
            ];
      }),
    );
  }

  /** What should not be there when no command is under way. */
  leftovers(): string[] {
    const locks = list(this.paths.locks).filter((name) => !name.startsWith('slot-'));
    return [...list(join(this.paths.store, 'tmp')), ...list(join(this.paths.home, 'flights')), ...locks];
  }

  /** Slot processes of this home and their watchers. */
  slots(): number[] {
    return processes().flatMap(({ pid, group, command }) => (command.includes(this.paths.store) ? [pid, group] : []));
  }

  /** Waits until those processes and all others of this home's slots are gone. */
  async slotsGone(seen: readonly number[]): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const left = [...this.slots(), ...seen.filter((pid) => isSlot(pid))];
      if (left.length === 0) return;
      assert.ok(Date.now() < deadline, `slot processes outlive Docket: ${left.join(', ')}`);
      await pause(5);
    }
  }

  [Symbol.dispose](): void {
    for (const docket of this.#started) if (!docket.hasEnded) docket.child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What a receipt in the ledger says. */
export interface Filed {
  readonly id: number;
  readonly cid: string;
  readonly instruction: string;
  /** As stored, signature and all. */
  readonly bytes: Uint8Array;
  readonly tag: string;
  /** Of an error. */
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly value: Ipld;
  readonly attempt: number;
}

function filed([id, cid, instruction, bytes]: readonly unknown[]): Filed {
  const { receipt } = decode(bytes as Uint8Array);
  const [tag, value] = receipt.out;
  const { code, message } = tag === 'error' && isMap(value) ? value : {};
  return {
    id: id as number,
    cid: Buffer.from(cid as Uint8Array).toString('hex'),
    instruction: Buffer.from(instruction as Uint8Array).toString('hex'),
    bytes: bytes as Uint8Array,
    tag,
    code: code as string | undefined,
    message: message as string | undefined,
    value,
    attempt: receipt.meta.attempt,
  };
}

export function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly state: string;
  readonly command: string;
}

/** Those that live; see proc_pid_stat(5). */
export function processes(): Process[] {
  return readdirSync('/proc').flatMap((name) => {
    const stat = /^[0-9]+$/.test(name) ? readText(`/proc/${name}/stat`) : undefined;
    if (stat === undefined) return [];
    const [state = '', parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return [];
    const command = (readText(`/proc/${name}/cmdline`) ?? '').replaceAll('\0', ' ');
    return [{ pid: Number(name), parent: Number(parent), group: Number(group), state, command }];
  });
}

function isSlot(pid: number): boolean {
  return processes().some((found) => found.pid === pid && found.command.includes('docket-slot'));
}

/** Slot processes that a `docket` process started. */
export function slotsOf(docket: Docket): number[] {
  return processes().flatMap(({ pid, parent, command }) => (parent === docket.pid && command.includes('docket-slot') ? [pid] : []));
}

/** Whole numbers from 0 to below `below`, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export function countBy<T>(items: Iterable<T>, nameOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(nameOf(item), (counts.get(nameOf(item)) ?? 0) + 1);
  return counts;
}

const assembler = await wabt();

/** The binary of a module in WebAssembly text. */
export function wat(text: string): Uint8Array {
  const module = assembler.parseWat('test.wat', text);
  try {
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

/** `work MS`: keeps the processor busy for so long, then writes when it began and ended, as two 64-bit counts of nanoseconds. Wants the real clock. */
export const WORK = wat(`
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (local $at i32) (local $ms i64)
    (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (drop (call $args_get (i32.const 8) (i32.const 1024)))
    (local.set $at (i32.load (i32.const 12)))
    (loop $digit
      (if (i32.load8_u (local.get $at)) (then
        (local.set $ms (i64.add (i64.mul (local.get $ms) (i64.const 10)) (i64.extend_i32_u (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $digit))))
    (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 256)))
    (loop $busy
      (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 264)))
      (br_if $busy (i64.lt_u (i64.sub (i64.load (i32.const 264)) (i64.load (i32.const 256))) (i64.mul (local.get $ms) (i64.const 1000000)))))
    (i32.store (i32.const 0) (i32.const 256))
    (i32.store (i32.const 4) (i32.const 16))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 280)))))
`);

/** When the guests of `WORK` that ended well began and ended, in milliseconds, in the order they began. */
export function workIntervals(
  receipts: readonly Filed[],
): { readonly instruction: string; readonly began: number; readonly ended: number }[] {
  const found = receipts.flatMap(({ tag, value, instruction }) => {
    const stdout = tag === 'ok' && isMap(value) ? value['stdout'] : undefined;
    if (!(stdout instanceof Uint8Array) || stdout.length !== 16) return [];
    const view = new DataView(stdout.buffer, stdout.byteOffset, 16);
    return [{ instruction, began: Number(view.getBigUint64(0, true)) / 1e6, ended: Number(view.getBigUint64(8, true)) / 1e6 }];
  });
  return found.toSorted((a, b) => a.began - b.began);
}
