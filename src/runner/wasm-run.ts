import { type Ipld, type IpldList, isList, isMap } from '../ipld/value.ts';
import { callable, fromWasmResults, type Signature, toWasmArgs, type WasmNumber } from '../sandbox/module/signature.ts';
import { Fuel } from './fuel.ts';
import { guestFailure } from './guest-failure.ts';
import { type Guest, instantiate, memoryOf, outfit, withMemory } from './guest.ts';
import type { Job } from './job.ts';
import { MOST_MODULE_BYTES } from './module-bounds.ts';
import type { Bench, Ran } from './op.ts';
import { clip, failed, Refusal } from './refusal.ts';

/**
 * `wasm/run`: calls one exported function of a core module with numbers. Input `{func, args}`; gives what the function returned. The guest
 * has no imports but its memory.
 */
export function run(job: Job, { blobs, modules, memories }: Bench): Ran {
  const fuel = new Fuel(job.limits);
  const found = modules.get(job.module, (cid) => blobs.readAll(cid, MOST_MODULE_BYTES), fuel.variant);
  if ('failure' in found) return failed(found.failure);
  const { func, args } = parse(job.input);
  const { signature } = orRefuse(callable(found.compiled.info, func));
  const numbers = orRefuse(toWasmArgs(signature, args)).args;
  using guest = outfit(found.compiled, { cap: job.limits.memory, functions: fuel.imports, memories });
  return call(guest, fuel, { func, signature, args: numbers });
}

interface Call {
  readonly func: string;
  readonly signature: Signature;
  readonly args: readonly WasmNumber[];
}

function call(guest: Guest, fuel: Fuel, { func, signature, args }: Call): Ran {
  const began = performance.now();
  const usage = (): Ran['usage'] => ({ wall: performance.now() - began, memory: memoryOf(guest), output: 0, ...fuel.usage });
  try {
    const entry = instantiate(guest).exports[func] as (...args: readonly WasmNumber[]) => unknown;
    const returned = entry(...args);
    const spent = usage();
    const result = fromWasmResults(signature, returned);
    if ('failure' in result) return failed(result.failure, spent);
    return { outcome: { tag: 'ok', value: result.value }, usage: spent, small: new Map(), written: [] };
  } catch (error) {
    const failure = fuel.failure ?? guestFailure(error);
    if (failure === undefined) throw error;
    return failed(withMemory(failure, guest), usage());
  }
}

function parse(input: Ipld): { readonly func: string; readonly args: IpldList } {
  if (!isMap(input)) throw new Refusal('invalid', 'the input must be a map with "func" and "args"');
  const { func, args = [], ...rest } = input;
  if (typeof func !== 'string') throw new Refusal('invalid', '"func" must be the name of an exported function');
  if (!isList(args)) throw new Refusal('invalid', '"args" must be a list');
  const unknown = Object.keys(rest);
  if (unknown.length > 0)
    throw new Refusal('invalid', `wasm/run knows no input ${unknown.map((key) => JSON.stringify(clip(key))).join(', ')}`);
  return { func, args };
}

function orRefuse<T extends object>(result: T | { readonly failure: Refusal['failure'] }): T {
  if ('failure' in result) throw Refusal.of(result.failure);
  return result;
}
