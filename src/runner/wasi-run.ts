import type { CID } from '../ipld/cid.ts';
import { Preview1 } from '../sandbox/wasi/preview1.ts';
import { PREVIEW1 } from '../sandbox/wasi/signatures.ts';
import * as Tree from '../store/tree.ts';
import { checkCommand, checkImportTypes } from './check-command.ts';
import { runCommandComponent } from './command-component.ts';
import { commandWorld } from './command-world.ts';
import { type Extension, type LinkedExtensions, loadExtensions, outfitExtensions } from './extensions.ts';
import { Fuel, type FueledJob } from './fuel.ts';
import { GivenValues } from './given-values.ts';
import { type Guest, instantiate, memoryOf, outfit, withMemory } from './guest.ts';
import type { Job } from './job.ts';
import { memoryShares } from './memory-shares.ts';
import { MOST_MODULE_BYTES } from './module-bounds.ts';
import type { CompiledModule } from './module-cache.ts';
import type { Bench, Ran } from './op.ts';
import { failed } from './refusal.ts';
import { parseWasiInput, type WasiInput } from './wasi-input.ts';
import { type Ending, endingOf, finished, lastWords } from './wasi-result.ts';

/**
 * `wasi/run`: runs a command over files of its own: a preview 1 module, or a component. Input `{args, env, stdin, files, outputs, extensions, grant}`; gives
 * `{exit, stdout, stderr, files}` if it exits with 0. With another status the same stands in the data of failure `exit`; a trap or a broken limit shows the last
 * of both streams.
 */
export function run(job: Job, bench: Bench): Ran {
  const { blobs, modules } = bench;
  const fuel = new Fuel(job.limits);
  const found = modules.command(job.module, (cid) => blobs.readAll(cid, MOST_MODULE_BYTES), fuel.variant);
  if ('failure' in found) return failed(found.failure);
  if ('compiled' in found) checkCommand(found.compiled);
  const given = new GivenValues(blobs, job.limits.memory, (bytes) => bench.garbage.note(bytes)).spread(job.input);
  const input = parseWasiInput(given, (cid) => Tree.decode(blobs.readAll(cid)));
  if ('plan' in found) return runCommandComponent(found.plan, input, { job, fuel }, bench);
  return runPreview1(found.compiled, input, { job, fuel }, bench);
}

function runPreview1(compiled: CompiledModule, input: WasiInput, { job, fuel }: FueledJob, bench: Bench): Ran {
  const { blobs, garbage, memories, modules, onOutput } = bench;
  const moduleOf = (module: CID): ReturnType<typeof modules.get> =>
    modules.get(module, (cid) => blobs.readAll(cid, MOST_MODULE_BYTES), fuel.variant);
  const extensions = loadExtensions(compiled, input.extensions, moduleOf);
  garbage.expectTables([compiled.info, ...extensions.map((each) => each.compiled.info)]);
  const [cap = 0, ...caps] = sharesOf(compiled, extensions, job.limits.memory);
  using world = commandWorld({ job, fuel }, input, bench);
  using wasi = new Preview1({ ...world, openFiles: job.limits.openFiles, onOutput });
  const linked = new Set(input.extensions.keys());
  using guest = outfit(compiled, { cap, functions: { [PREVIEW1]: wasi.imports, ...fuel.imports }, memories, linked });
  using others = outfitExtensions(extensions, { caps, wasi, memories, fuel });
  checkImportTypes(compiled);
  if (guest.memory !== undefined) wasi.bind(guest.memory);
  const guests = [guest, ...others.guests];
  const began = performance.now();
  const ending = runCommand(guest, others, { wasi, fuel });
  const memory = guests.reduce((sum, each) => sum + memoryOf(each), 0);
  const usage = { wall: performance.now() - began, memory, output: world.budget.peak, ...fuel.usage };
  if ('failure' in ending) {
    const failure = withMemory(ending.failure, ...guests);
    return failed({ ...failure, data: { ...failure.data, ...lastWords(wasi) } }, usage);
  }
  return finished(ending.exit, { left: wasi, globs: input.outputs, sink: world.sink, usage });
}

/** A task without extensions has all of its limit, to the byte. */
function sharesOf(main: CompiledModule, extensions: readonly Extension[], limit: number): number[] {
  if (extensions.length === 0) return [limit];
  return memoryShares([main.info.memory, ...extensions.map(({ compiled }) => compiled.info.memory)], limit);
}

/** What the guest did is never thrown; what failed in the host (a damaged blob, a full disk) is. */
function runCommand(guest: Guest, others: LinkedExtensions, { wasi, fuel }: { readonly wasi: Preview1; readonly fuel: Fuel }): Ending {
  try {
    (instantiate(guest, others.instantiate()).exports['_start'] as () => void)();
    return { exit: 0 };
  } catch (error) {
    if (fuel.failure !== undefined) return { failure: fuel.failure };
    return endingOf(wasi.ending ?? error);
  }
}
