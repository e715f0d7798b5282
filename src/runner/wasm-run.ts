import { BlobSink } from './blob-sink.ts';
import { unusableGrants } from '../workflow/grants.ts';
import { callable, fromWasmResults, type Signature, toWasmArgs, type WasmNumber } from '../sandbox/module/signature.ts';
import { type CallInput, orRefuse, parseCallInput } from './call-input.ts';
import { runComponent } from './component-run.ts';
import { Fuel, type FueledJob } from './fuel.ts';
import { guestFailure } from './guest-failure.ts';
import { GivenValues } from './given-values.ts';
import { type Guest, instantiate, memoryOf, outfit, withMemory } from './guest.ts';
import type { Job } from './job.ts';
import { MOST_MODULE_BYTES } from './module-bounds.ts';
import type { Bench, Ran } from './op.ts';
import type { CompiledModule } from './module-cache.ts';
import { failed, Refusal } from './refusal.ts';
import { settle } from './result-value.ts';

/**
 * `wasm/run`: calls one exported function of a module. Input `{func, args}`; gives what the function returned. A component, and a core module made to be one,
 * takes and gives values of WIT types; any other core module takes numbers, and has no imports but its memory.
 */
export function run(job: Job, bench: Bench): Ran {
  const { blobs, modules } = bench;
  const fuel = new Fuel(job.limits);
  const found = modules.callable(job.module, (cid) => blobs.readAll(cid, MOST_MODULE_BYTES), fuel.variant);
  if ('failure' in found) return failed(found.failure);
  const input = parseCallInput(job.input, new GivenValues(blobs, job.limits.memory, (bytes) => bench.garbage.note(bytes)));
  return 'plan' in found ? runComponent(found.plan, input, { job, fuel }, bench) : runCore(found.compiled, input, { job, fuel }, bench);
}

function runCore(compiled: CompiledModule, { func, args }: CallInput, { job: { limits, grants }, fuel }: FueledJob, bench: Bench): Ran {
  if (grants.length > 0) throw new Refusal('invalid', unusableGrants(grants));
  const { signature } = orRefuse(callable(compiled.info, func));
  const numbers = orRefuse(toWasmArgs(signature, args)).args;
  bench.garbage.expectTables([compiled.info]);
  using guest = outfit(compiled, { cap: limits.memory, functions: fuel.imports, memories: bench.memories });
  return call(guest, fuel, { func, signature, args: numbers, output: limits.output, sink: new BlobSink(bench.storeRoot) });
}

interface Call {
  readonly func: string;
  readonly signature: Signature;
  readonly args: readonly WasmNumber[];
  /** Most bytes. */
  readonly output: number;
  readonly sink: BlobSink;
}

function call(guest: Guest, fuel: Fuel, { func, signature, args, output, sink }: Call): Ran {
  const began = performance.now();
  const usage = (): Ran['usage'] => ({ wall: performance.now() - began, memory: memoryOf(guest), output: 0, ...fuel.usage });
  try {
    const entry = instantiate(guest).exports[func] as (...args: readonly WasmNumber[]) => unknown;
    const returned = entry(...args);
    const spent = usage();
    const result = fromWasmResults(signature, returned);
    if ('failure' in result) return failed(result.failure, spent);
    const settled = settle(result.value, { limit: output, used: 0 }, sink);
    if ('failure' in settled) return failed(settled.failure, spent);
    const { small, written } = sink;
    return { outcome: { tag: 'ok', value: settled.value }, usage: { ...spent, output: settled.size }, small, written };
  } catch (error) {
    const failure = fuel.failure ?? guestFailure(error);
    if (failure === undefined) throw error;
    return failed(withMemory(failure, guest), usage());
  }
}
