import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPlan } from '../src/agent/run-plan.ts';
import { floorRate } from './floor.ts';
import { median } from './median.ts';
import { printRow } from './print-row.ts';
import { flatPlan, guest, openEngine } from './workloads.ts';

/**
 * Fresh tasks: through real slot processes, each with a signed receipt that is durable. Beside the floor, a program that only does the
 * unavoidable. The two take turns and their medians are compared, since the machine is never quite quiet.
 */

const TASKS = 20_000;
const ROUNDS = 3;
/** Starts the slot processes: those of the floor are started before its clock too. */
const WARM_UP = 2_000;

const scratch = mkdtempSync(join(tmpdir(), 'docket-floor-'));
try {
  await using home = await openEngine();
  const { engine } = home;
  const noop = await engine.store.put(guest('noop'));
  await runPlan(engine, flatPlan(noop.cid, WARM_UP, ROUNDS * TASKS));
  const rates: number[] = [];
  const floors: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    floors.push(await floorRate(guest('noop'), { database: join(scratch, `${round}.db`), tasks: TASKS, runners: availableParallelism() }));
    const plan = flatPlan(noop.cid, TASKS, round * TASKS);
    const began = performance.now();
    const { tasks } = await runPlan(engine, plan);
    rates.push((tasks.ran / (performance.now() - began)) * 1000);
    if (tasks.ran !== TASKS) throw new Error(`${tasks.ran} of ${TASKS} tasks ran`);
  }
  printRow({ what: 'fresh no-op tasks', value: median(rates), unit: 'tasks/s', floor: median(floors), target: 5_000 });
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
