import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import wabt from 'wabt';
import { systemClock } from '../../src/base/clock.ts';
import * as Cid from '../../src/ipld/cid.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import type { Job } from '../../src/runner/job.ts';
import { Slot, type SlotEnd } from '../../src/runner/slot.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import type { Limits } from '../../src/workflow/limits.ts';

export const LIMITS: Limits = { memory: 64 << 20, time: 20_000, output: 64 << 20, openFiles: 64 };

const assembler = await wabt();

/** The binary of a module in WebAssembly text. */
export function wat(text: string): Uint8Array {
  const module = assembler.parseWat('test.wat', text);
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
export function slotOver(t: TestContext, store: DiskStore): Slot {
  const slot = Slot.start({ storeRoot: store.root, index: 0, clock: systemClock });
  t.after(() => slot[Symbol.asyncDispose]());
  return slot;
}

let nextId = 1;

/** A job whose module travels with it. `blobs` travel with it too. */
export function jobOf(op: string, module: Uint8Array, input: Ipld, options: { limits?: Partial<Limits>; blobs?: readonly Uint8Array[]; grants?: readonly string[] } = {}): Job {
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
