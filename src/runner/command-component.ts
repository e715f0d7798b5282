import type { Func, Plan } from '../sandbox/component/plan-model.ts';
import type { Running } from '../sandbox/component/running.ts';
import { signatureText } from '../sandbox/component/signature.ts';
import { isCommand, RUN, RUN_TYPE } from '../sandbox/wasi2/command.ts';
import { callHost } from '../sandbox/wasi2/interfaces.ts';
import { commandSystem } from './command-system.ts';
import { commandWorld } from './command-world.ts';
import { outfitComponent } from './component-guest.ts';
import type { Fuel, FueledJob } from './fuel.ts';
import type { Bench, Ran } from './op.ts';
import { clip, failed, Refusal } from './refusal.ts';
import type { WasiInput } from './wasi-input.ts';
import { type Ending, endingOf, finished, lastWords } from './wasi-result.ts';

/** `wasi/run` on a component that exports `wasi:cli/run`: gives what a preview 1 command gives, under the same limits. */
export function runCommandComponent(plan: Plan, input: WasiInput, { job, fuel }: FueledJob, bench: Bench): Ran {
  const run = commandOf(plan);
  if (input.extensions.size > 0)
    throw new Refusal('invalid', 'a component takes no extensions: they are core modules that a core module imports from');
  using stack = new DisposableStack();
  const guest = outfitComponent(plan, { job, fuel }, bench, stack);
  const world = stack.use(commandWorld({ job, fuel }, input, bench));
  const { system } = stack.use(commandSystem(world, job.limits, bench.onOutput));
  const running = guest.link({ callHost: (from, name, given) => callHost(system, from, name, given), preview1: {} });
  const began = performance.now();
  const ending = attempt(running, run, fuel);
  const usage = { wall: performance.now() - began, memory: guest.memory(), output: world.budget.peak, ...fuel.usage };
  const left = { stdout: system.stdout, stderr: system.stderr, files: world.files };
  if ('failure' in ending) {
    const failure = guest.explain(ending.failure);
    return failed({ ...failure, data: { ...failure.data, ...lastWords(left) } }, usage);
  }
  return finished(ending.exit, { left, globs: input.outputs, sink: world.sink, usage });
}

/** Throws `Refusal`, code `invalid`, data `{part: 'module'}`; with `component` for one that is called otherwise. */
function commandOf({ interfaces }: Plan): Func {
  const found = [...interfaces].find(([name, functions]) => isCommand(name) && functions.has(RUN));
  if (found === undefined) {
    const other = [...interfaces].find(([name, functions]) => name.startsWith('wasi:cli/run@') && functions.has(RUN));
    const message =
      other === undefined
        ? 'not a command, but a component whose functions are called: it does not export wasi:cli/run'
        : `the component exports ${clip(`${other[0]}#${RUN}`)}; Docket runs those of wasi:cli/run@0.2`;
    throw new Refusal('invalid', message, { part: 'module', component: true });
  }
  const [name, functions] = found;
  const func = functions.get(RUN) as Func;
  const type = signatureText(func.signature);
  if (type !== RUN_TYPE)
    throw new Refusal('invalid', `not a command: its ${clip(`${name}#${RUN}`)} is ${clip(type)}, not ${RUN_TYPE}`, { part: 'module' });
  return func;
}

/** What the guest did is never thrown; what failed in the host (a damaged blob, a full disk) is. */
function attempt(running: Running, run: Func, fuel: Fuel): Ending {
  try {
    running.start();
    const { tag } = running.call(run, []) as { readonly tag: 'ok' | 'err' };
    return { exit: tag === 'ok' ? 0 : 1 };
  } catch (thrown) {
    if (fuel.failure !== undefined) return { failure: fuel.failure };
    return endingOf(thrown);
  }
}
