import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext } from 'node:test';
import wabt from 'wabt';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import * as Cid from '../../src/ipld/cid.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import type { Job } from '../../src/runner/job.ts';
import { Slot, type SlotEnd } from '../../src/runner/slot.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import type { Limits } from '../../src/workflow/limits.ts';

const LIMITS: Limits = { memory: 64 << 20, time: 20_000, output: 64 << 20, openFiles: 64 };

const assembler = await wabt();

/** The binary of a module in WebAssembly text. */
export function wat(text: string): Uint8Array {
  const module = assembler.parseWat('test.wat', text, { exceptions: true });
  try {
    module.resolveNames();
    return module.toBinary({ write_debug_names: true }).buffer;
  } finally {
    module.destroy();
  }
}

export const hex = (cid: Cid.CID): string => Buffer.from(cid.multihash.digest).toString('hex');

/** An empty disk store that is removed when the test ends. */
export async function temporaryStore(t: TestContext): Promise<DiskStore> {
  const root = await mkdtemp(join(tmpdir(), 'docket-runner-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  return DiskStore.open(root);
}

/** A slot over `store` that is disposed of when the test ends. */
export function slotOver(t: TestContext, store: DiskStore, clock: Clock = systemClock): Slot {
  const slot = Slot.start({ storeRoot: store.root, index: 0, clock });
  t.after(() => slot[Symbol.asyncDispose]());
  return slot;
}

/** One slot for all tests of a file, over a store of its own. */
export class SharedSlot {
  #root: string | undefined;
  #slot: Slot | undefined;

  constructor() {
    before(async () => {
      this.#root = await mkdtemp(join(tmpdir(), 'docket-runner-'));
      this.#slot = Slot.start({ storeRoot: (await DiskStore.open(this.#root)).root, index: 0, clock: systemClock });
    });
    after(async () => {
      await this.slot[Symbol.asyncDispose]();
      await rm(this.root, { recursive: true, force: true });
    });
  }

  get root(): string {
    return this.#root!;
  }

  get slot(): Slot {
    return this.#slot!;
  }

  readonly run = (job: Job): Promise<SlotEnd> => this.slot.submit(job, { signal: never });

  readonly check = async (job: Job, expected: Ipld[]): Promise<void> => {
    assert.deepEqual(summary(await this.run(job)), expected);
  };
}

let nextId = 1;

/** A job whose module travels with it. `blobs` travel with it too. */
export function jobOf(
  op: string,
  module: Uint8Array,
  input: Ipld,
  options: { limits?: Partial<Limits>; blobs?: readonly Uint8Array[]; grants?: readonly string[] } = {},
): Job {
  const blobs = [module, ...(options.blobs ?? [])];
  return {
    id: nextId++,
    op,
    module: Cid.ofBlob(module),
    input,
    limits: { ...LIMITS, ...options.limits },
    grants: options.grants ?? [],
    seed: new Uint8Array(32).fill(7),
    small: new Map(blobs.map((bytes) => [hex(Cid.ofBlob(bytes)), bytes])),
  };
}

export const call = (module: Uint8Array, func: string, args: Ipld = [], options: Parameters<typeof jobOf>[3] = {}): Job =>
  jobOf('wasm/run', module, { func, args }, options);

export const never = new AbortController().signal;

/** What the job gave: `['ok', value]`, `['error', code, message]`, or how the process lost it. */
export function summary(end: SlotEnd): Ipld[] {
  if (end.kind === 'unstarted') return ['unstarted'];
  if (end.kind === 'lost') return ['lost', end.code, end.message];
  const { outcome } = end.end;
  return outcome.tag === 'ok' ? ['ok', outcome.value] : ['error', outcome.failure.code, outcome.failure.message];
}

/** Whether the process exists and has not ended. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // Where there is no /proc, a process that ended and was not waited for counts as alive.
  const [state] = statFields(pid);
  return state !== 'Z' && state !== 'X';
}

/** Asks again until `condition` holds: for what the system does in its own time and tells nobody. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const idle = wat('(module (func (export "nothing")))');

/** Starts the slot's process if there is none, and gives its id. */
export async function warm(slot: Slot): Promise<number> {
  assert.deepEqual(summary(await slot.submit(call(idle, 'nothing'), { signal: never })), ['ok', null]);
  assert.ok(slot.pid !== undefined);
  return slot.pid;
}

/** Living processes of a process group, where there is a /proc to ask. */
export function groupMembers(group: number): number[] {
  if (!existsSync('/proc/self/stat')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const [state, , pgrp] = statFields(pid);
      return pgrp === String(group) && state !== 'Z' && state !== 'X';
    });
}

/** Fields of /proc/<pid>/stat after the name; empty if there is no such process. */
function statFields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
