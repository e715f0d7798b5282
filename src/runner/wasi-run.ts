import type { CID } from '../ipld/cid.ts';
import type { Failure } from '../receipt/outcome.ts';
import { Budget } from '../sandbox/files/budget.ts';
import { FileSystem } from '../sandbox/files/file-system.ts';
import { realClock, virtualClock } from '../sandbox/wasi/clock.ts';
import { Preview1 } from '../sandbox/wasi/preview1.ts';
import { Exit } from '../sandbox/wasi/process-calls.ts';
import { realRandom, seededRandom } from '../sandbox/wasi/random.ts';
import { PREVIEW1 } from '../sandbox/wasi/signatures.ts';
import * as Tree from '../store/tree.ts';
import { BlobSink } from './blob-sink.ts';
import { checkCommand, checkImportTypes } from './check-command.ts';
import { type Extension, type LinkedExtensions, loadExtensions, outfitExtensions } from './extensions.ts';
import { Fuel } from './fuel.ts';
import { guestFailure } from './guest-failure.ts';
import { GivenValues } from './given-values.ts';
import { type Guest, instantiate, memoryOf, outfit, withMemory } from './guest.ts';
import type { Job } from './job.ts';
import { memoryShares } from './memory-shares.ts';
import { MOST_MODULE_BYTES } from './module-bounds.ts';
import type { CompiledModule } from './module-cache.ts';
import type { Bench, Ran } from './op.ts';
import { failed } from './refusal.ts';
import { parseWasiInput } from './wasi-input.ts';
import { lastWords, resultOf } from './wasi-result.ts';

/** What the guest finds as `argv[0]`: the same for all, or the same module under another file name would be another task. */
const PROGRAM = 'program';

/**
 * `wasi/run`: runs a preview 1 command over files of its own. Input `{args, env, stdin, files, outputs, extensions, grant}`; gives `{exit, stdout, stderr, files}`
 * if it exits with 0. With another status the same stands in the data of failure `exit`; a trap or a broken limit shows the last of both streams.
 */
export function run(job: Job, { blobs, modules, memories, garbage, storeRoot, onOutput }: Bench): Ran {
  const fuel = new Fuel(job.limits);
  const moduleOf = (module: CID): ReturnType<typeof modules.get> =>
    modules.get(module, (cid) => blobs.readAll(cid, MOST_MODULE_BYTES), fuel.variant);
  const found = moduleOf(job.module);
  if ('failure' in found) return failed(found.failure);
  checkCommand(found.compiled);
  const given = new GivenValues(blobs, job.limits.memory).spread(job.input);
  const input = parseWasiInput(given, (cid) => Tree.decode(blobs.readAll(cid)));
  const extensions = loadExtensions(found.compiled, input.extensions, moduleOf);
  garbage.expectTables([found.compiled.info, ...extensions.map(({ compiled }) => compiled.info)]);
  const [cap = 0, ...caps] = sharesOf(found.compiled, extensions, job.limits.memory);
  const sink = new BlobSink(storeRoot);
  const budget = new Budget(job.limits.output);
  const clock = job.grants.includes('clock') ? realClock() : virtualClock();
  using files = FileSystem.mount(input.files, { budget, blobs, spills: sink.spills, now: () => clock.now(), toll: fuel.toll });
  using stdin = input.stdin === undefined ? undefined : files.content(input.stdin);
  using wasi = new Preview1({
    args: [PROGRAM, ...input.args],
    env: input.env,
    ...(stdin === undefined ? {} : { stdin }),
    files,
    clock,
    random: job.grants.includes('random') ? realRandom() : seededRandom(job.seed),
    toll: fuel.toll,
    openFiles: job.limits.openFiles,
    onOutput,
  });
  const linked = new Set(input.extensions.keys());
  using guest = outfit(found.compiled, { cap, functions: { [PREVIEW1]: wasi.imports, ...fuel.imports }, memories, linked });
  using others = outfitExtensions(extensions, { caps, wasi, memories, fuel });
  checkImportTypes(found.compiled);
  if (guest.memory !== undefined) wasi.bind(guest.memory);
  const guests = [guest, ...others.guests];
  const began = performance.now();
  const ending = runCommand(guest, others, { wasi, fuel });
  const memory = guests.reduce((sum, each) => sum + memoryOf(each), 0);
  const usage = { wall: performance.now() - began, memory, output: budget.peak, ...fuel.usage };
  if ('failure' in ending) {
    const failure = withMemory(ending.failure, ...guests);
    return failed({ ...failure, data: { ...failure.data, ...lastWords(wasi) } }, usage);
  }
  return finished(ending.exit, { wasi, globs: input.outputs, sink, usage });
}

/** A task without extensions has all of its limit, to the byte. */
function sharesOf(main: CompiledModule, extensions: readonly Extension[], limit: number): number[] {
  if (extensions.length === 0) return [limit];
  return memoryShares([main.info.memory, ...extensions.map(({ compiled }) => compiled.info.memory)], limit);
}

type Ending = { readonly exit: number } | { readonly failure: Failure };

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

function endingOf(error: unknown): Ending {
  if (error instanceof Exit) return { exit: error.status };
  const failure = guestFailure(error);
  if (failure === undefined) throw error;
  return { failure };
}

function finished(
  exit: number,
  { wasi, globs, sink, usage }: { wasi: Preview1; globs: readonly string[]; sink: BlobSink; usage: Ran['usage'] },
): Ran {
  try {
    const value = resultOf(exit, wasi, globs, sink);
    const { small, written } = sink;
    if (exit === 0) return { outcome: { tag: 'ok', value }, usage, small, written };
    const failure: Failure = { code: 'exit', message: `the program ended with exit status ${exit}`, data: value };
    return { outcome: { tag: 'error', failure }, usage, small, written };
  } catch (error) {
    // Taking the outputs can go over a limit too.
    const failure = guestFailure(error);
    if (failure === undefined) throw error;
    return failed({ ...failure, data: lastWords(wasi) }, usage);
  }
}
