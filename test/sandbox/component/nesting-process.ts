import { readFileSync } from 'node:fs';
import { planComponent } from '../../../src/sandbox/component/plan.ts';
import { Running } from '../../../src/sandbox/component/running.ts';
import { Counters } from '../../../src/sandbox/metering/counters.ts';
import { compileMetered } from '../../../src/sandbox/metering/compile.ts';

/** Prints how a component ends that nests for ever, and what it used, cold and warm. To be started under other tiers of V8, which must print the same. */

const plan = planComponent(readFileSync(process.argv[2] as string), [], compileMetered);

function run(depth: number): unknown {
  const counters = new Counters(10_000_000);
  const running = new Running(plan, {
    memories: plan.steps.map(() => undefined),
    callHost: () => undefined,
    preview1: {},
    counters: counters.moduleImports,
    toll: counters,
    mostValues: 1,
    onDropped: () => undefined,
  });
  running.start();
  try {
    return { gave: running.call(plan.exports.get('f')!, [depth]), used: String(counters.used) };
  } catch (error) {
    return { threw: (error as Error).message, exhausted: counters.exhausted, used: String(counters.used) };
  }
}

let deepest = 0;
while ('gave' in (run(deepest + 1) as object)) deepest++;
const ends = new Set(Array.from({ length: 60 }, () => JSON.stringify(run(1_000_000))));
console.log(JSON.stringify({ deepest, ends: [...ends] }));
