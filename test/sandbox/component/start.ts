import type { HostInterface } from '../../../src/sandbox/component/host-interface.ts';
import type { Plan } from '../../../src/sandbox/component/plan-model.ts';
import { Running } from '../../../src/sandbox/component/running.ts';
import { Uncounted } from '../../../src/sandbox/metering/toll.ts';

type Call = (interfaceName: string, name: string, args: readonly unknown[]) => unknown;

/** An instance of a planned component in this process; calls of the host go to `callHost`. */
export function start(plan: Plan, callHost: Call = () => undefined): Running {
  const memories = plan.steps.map(({ module: { info } }) =>
    info.memory === undefined || info.memory.imported !== undefined
      ? undefined
      : new WebAssembly.Memory({ initial: info.memory.initial, maximum: info.memory.maximum ?? 1024 }),
  );
  const running = new Running(plan, {
    memories,
    callHost,
    preview1: {},
    counters: {},
    toll: new Uncounted(),
    mostValues: Infinity,
    onDropped: () => undefined,
  });
  running.start();
  return running;
}

export function callIn(running: Running, plan: Plan, name: string, args: readonly unknown[]): unknown {
  const func = plan.exports.get(name);
  if (func === undefined) throw new Error(`the component does not export ${name}`);
  return running.call(func, args);
}

/** An interface of the host for a test; `any` type is linked. */
export function hostInterface(name: string, functions: readonly string[]): HostInterface<never> {
  return {
    name,
    accepts: () => true,
    resources: {},
    functions: Object.fromEntries(functions.map((each) => [each, { type: undefined, call: () => undefined }])),
  };
}
