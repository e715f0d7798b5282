import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPlan } from '../src/agent/run-plan.ts';
import { floorRate } from './floor.ts';
import { median } from './median.ts';
import { printRow } from './print-row.ts';
import { chainPlan, guest, openEngine } from './workloads.ts';

/** Tasks that wait for each other: what one step costs from the end of a task to the end of the one that wanted its result. */

const STEPS = 1_000;
const ROUNDS = 5;

const scratch = mkdtempSync(join(tmpdir(), 'docket-floor-'));
try {
  await using home = await openEngine();
  const { engine } = home;
  const numeric = await engine.store.put(guest('numeric'));
  const steps: number[] = [];
  const floors: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const database = join(scratch, `${round}.db`);
    floors.push(1000 / (await floorRate(guest('noop'), { database, tasks: STEPS, runners: 1, window: 1 })));
    const plan = chainPlan(numeric.cid, STEPS, round * STEPS);
    const began = performance.now();
    const { tasks } = await runPlan(engine, plan);
    steps.push((performance.now() - began) / STEPS);
    if (tasks.ran !== STEPS) throw new Error(`${tasks.ran} of ${STEPS} steps ran`);
  }
  printRow({ what: 'step of a chain', value: median(steps), unit: 'ms', floor: median(floors), target: 1 });
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
