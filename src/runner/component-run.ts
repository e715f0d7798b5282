import { fromJsResult, toJsArgs } from '../sandbox/wit/calls.ts';
import { calleeOf } from '../sandbox/wit/look-up.ts';
import type { Func, Plan } from '../sandbox/component/plan-model.ts';
import type { Running } from '../sandbox/component/running.ts';
import { callHost } from '../sandbox/wasi2/interfaces.ts';
import { Exit } from '../sandbox/wasi/process-calls.ts';
import type { Failure } from '../receipt/outcome.ts';
import { BlobSink } from './blob-sink.ts';
import { type CallInput, orRefuse } from './call-input.ts';
import { outfitComponent } from './component-guest.ts';
import { type ComponentSystem, componentSystem } from './component-system.ts';
import type { Fuel, FueledJob } from './fuel.ts';
import { guestFailure } from './guest-failure.ts';
import type { Bench, Ran } from './op.ts';
import { clip, failed, Refusal } from './refusal.ts';
import { settle } from './result-value.ts';
import { lastWords, logsOf } from './wasi-result.ts';

/**
 * `wasm/run` on a component, or on a core module that says which world it is made for: calls one exported function with values of WIT types. Gives what it returned; an
 * `err` is a value like others. What the guest wrote to its log and its standard streams is not part of it.
 */
export function runComponent(plan: Plan, { func, args, given }: CallInput, { job, fuel }: FueledJob, bench: Bench): Ran {
  const { callee } = orRefuse(calleeOf(plan.world, func));
  const values = orRefuse(toJsArgs(callee.func, args, { bytesOf: (link) => given.bytesOf(link) })).args;
  const functions = callee.interface === undefined ? plan.exports : plan.interfaces.get(callee.interface);
  const target = functions?.get(callee.func.name) as Func;
  // Nothing of it would run: no fuel, no memory, none of its limits would bound what the host gives.
  if (target.kind === 'host')
    throw new Refusal(
      'invalid',
      `the function ${clip(func)} is the host's own (${clip(target.interface)}), which the component only passes on`,
    );
  using stack = new DisposableStack();
  const guest = outfitComponent(plan, { job, fuel }, bench, stack);
  const sink = new BlobSink(bench.storeRoot);
  const made = componentSystem(plan, { job, fuel }, bench, sink);
  const host = made === undefined ? undefined : stack.use(made);
  if (guest.firstMemory !== undefined) host?.preview1.bind(guest.firstMemory);
  const running = guest.link({
    callHost: (from, name, sent) => callHost(host!.system, from, name, sent),
    preview1: host?.preview1.imports ?? {},
  });
  const began = performance.now();
  const ended = attempt(running, target, values, { host, fuel });
  const usage = { wall: performance.now() - began, memory: guest.memory(), output: host?.budget.peak ?? 0, ...fuel.usage };
  const spoken = host === undefined ? {} : lastWords(host.preview1);
  if ('failure' in ended) {
    const failure = guest.explain(ended.failure);
    return failed({ ...failure, data: { ...failure.data, ...spoken } }, usage);
  }
  const result = fromJsResult(callee.func, ended.returned);
  if ('failure' in result) return failed(result.failure, usage);
  const settled = settle(result.value, { limit: job.limits.output, used: usage.output }, sink);
  if ('failure' in settled) return failed(settled.failure, usage);
  const logs = host === undefined ? undefined : logsOf(host.preview1, sink);
  const ok = { tag: 'ok', value: settled.value } as const;
  const outcome = logs === undefined ? ok : { ...ok, logs };
  return { outcome, usage: { ...usage, output: usage.output + settled.size }, small: sink.small, written: sink.written };
}

/** What the guest did is never thrown; what failed in the host is. */
function attempt(
  running: Running,
  func: Func,
  args: readonly unknown[],
  { host, fuel }: { readonly host: ComponentSystem | undefined; readonly fuel: Fuel },
): { readonly returned: unknown } | { readonly failure: Failure } {
  try {
    running.start();
    return { returned: running.call(func, args) };
  } catch (thrown) {
    if (fuel.failure !== undefined) return { failure: fuel.failure };
    const error = host?.preview1.ending ?? thrown;
    if (error instanceof Exit) {
      const message = `the component ended itself with exit status ${error.status} instead of returning`;
      return { failure: { code: 'exit', message, data: { exit: error.status } } };
    }
    const failure = guestFailure(error);
    if (failure === undefined) throw error;
    return { failure };
  }
}
