import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { runPlan } from '../src/agent/run-plan.ts';
import type { Engine } from '../src/agent/engine.ts';
import type { Plan } from '../src/workflow/model.ts';
import { median } from './median.ts';
import { printRow } from './print-row.ts';
import { chainPlan, flatPlan, guest, openEngine } from './workloads.ts';

/** A component of the size of Homestar's example: its first use, later ones, and many at a time. The floor of the latter is the same with a core module. */

const CHAIN = 200;
const FAN = 2_000;
const ROUNDS = 5;

/** Code that is as large as Homestar's module (286 KB), and two functions that do next to nothing. */
async function largeComponent(): Promise<Uint8Array> {
  const filler = Array.from(
    { length: 6_200 },
    (_, i) => `(func (param i32 i64) (result i64)
      (if (result i64) (i32.lt_u (local.get 0) (i32.const ${i * 7919})) (then (i64.mul (local.get 1) (i64.const ${i * 104_729})))
        (else (i64.load offset=${i % 1024} (i32.and (local.get 0) (i32.const 4095)))))
      (i64.rotl (i64.const ${i})) (i64.add (i64.extend_i32_u (i32.load8_u offset=${i % 4096} (i32.const 8)))))`,
  );
  const text = `(module (memory (export "memory") 16) ${filler.join('\n')}
    (func (export "noop")) (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`;
  const witSource = 'package docket:bench; world bench { export noop: func(); export add: func(a: s32, b: s32) -> s32; }';
  return componentNew(await componentEmbed({ binary: await parse(text), witSource, world: 'bench' }));
}

async function timed(engine: Engine, plan: Plan): Promise<number> {
  const began = performance.now();
  const { tasks } = await runPlan(engine, plan);
  if (tasks.ran !== plan.tasks.length) throw new Error(`${tasks.ran} of ${plan.tasks.length} tasks ran`);
  return performance.now() - began;
}

const component = await largeComponent();
const size = `${Math.round(component.length / 1000)} kB`;
const first: number[] = [];
const later: number[] = [];
const chains: number[] = [];
const coreChains: number[] = [];
const fans: number[] = [];
const coreFans: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  await using home = await openEngine();
  const { engine } = home;
  const began = performance.now();
  const { cid } = await engine.store.put(component);
  await timed(engine, flatPlan(cid, 1));
  first.push(performance.now() - began);
  later.push(await timed(engine, flatPlan(cid, 1, 1)));
  const core = await engine.store.put(guest('numeric'));
  const noop = await engine.store.put(guest('noop'));
  // Both have run a while, as in the middle of a workflow.
  await timed(engine, flatPlan(noop.cid, 200, -200));
  await timed(engine, flatPlan(cid, 200, -200));
  coreChains.push((CHAIN / (await timed(engine, chainPlan(core.cid, CHAIN, 0)))) * 1000);
  chains.push((CHAIN / (await timed(engine, chainPlan(cid, CHAIN, 0)))) * 1000);
  coreFans.push((FAN / (await timed(engine, flatPlan(noop.cid, FAN)))) * 1000);
  fans.push((FAN / (await timed(engine, flatPlan(cid, FAN, 2)))) * 1000);
}
printRow({ what: `first use of a component of ${size}`, value: median(first), unit: 'ms', target: 2_000 });
printRow({ what: 'its next use', value: median(later), unit: 'ms', target: 100 });
printRow({ what: `chain of ${CHAIN} component calls`, value: median(chains), unit: 'tasks/s', floor: median(coreChains), target: 1_000 });
printRow({ what: `${FAN} independent component calls`, value: median(fans), unit: 'tasks/s', floor: median(coreFans), target: 1_000 });
