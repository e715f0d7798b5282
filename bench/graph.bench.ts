import { hash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { runPlan } from '../src/agent/run-plan.ts';
import { median } from './median.ts';
import { printRow } from './print-row.ts';
import { flatPlan, guest, openEngine } from './workloads.ts';

/**
 * One large flat graph: what it takes in memory, and how fast it is when all is cached. The floor of a memo hit is a look-up of the
 * same row in the same database whose bytes are hashed, nothing else. `GRAPH_TASKS` sets another size: 1000000 takes minutes.
 */

const TASKS = Number(process.env['GRAPH_TASKS'] ?? 100_000);
const WARM_UP = 2_000;
const ROUNDS = 3;

const live = (): number => {
  gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

await using home = await openEngine();
const { engine } = home;
const noop = (await engine.store.put(guest('noop'))).cid;
await runPlan(engine, flatPlan(noop, WARM_UP, TASKS));

const before = { live: live(), resident: process.memoryUsage.rss() };
const plan = flatPlan(noop, TASKS);
const planned = live();
let most = { live: planned, resident: 0 };
let settled = 0;
await runPlan(engine, plan, {
  onEvent: ({ kind }) => {
    if (kind !== 'settled' || ++settled % (TASKS / 10) !== 0) return;
    most = { resident: Math.max(most.resident, process.memoryUsage.rss()), live: Math.max(most.live, live()) };
  },
});
const perTask = (bytes: number): number => Math.max(0, bytes) / TASKS;
printRow({ what: `plan of ${TASKS.toLocaleString('en')} tasks, in use`, value: perTask(planned - before.live), unit: 'B/task' });
printRow({ what: 'plan and run, most in use', value: perTask(most.live - before.live), unit: 'B/task' });
printRow({ what: 'plan and run, most resident', value: perTask(most.resident - before.resident), unit: 'B/task', target: 1_024 });

const builds: number[] = [];
const runs: number[] = [];
const floors: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  floors.push(lookUps(engine.paths.ledger));
  const began = performance.now();
  const again = flatPlan(noop, TASKS);
  const built = performance.now();
  const { tasks } = await runPlan(engine, again);
  runs.push(performance.now() - built);
  builds.push(built - began);
  if (tasks.cached !== TASKS) throw new Error(`${tasks.cached} of ${TASKS} tasks were cached`);
}
const rate = (milliseconds: number): number => (TASKS / milliseconds) * 1000;
printRow({ what: 'memo hits', value: rate(median(runs)), unit: 'tasks/s', floor: rate(median(floors)), target: 30_000 });
printRow({
  what: 'cached run, building the plan too',
  value: (median(runs) + median(builds)) / 1000,
  unit: 's',
  floor: median(floors) / 1000,
  target: TASKS / 20_000,
});

/** Milliseconds to look up and hash the receipts of all tasks, with the ledger's own query. */
function lookUps(ledger: string): number {
  using db = new DatabaseSync(ledger, { readOnly: true });
  const keys = db.prepare('SELECT place, key FROM declared ORDER BY id DESC LIMIT ?').all(TASKS) as { place: number; key: Uint8Array }[];
  const find = db.prepare('SELECT r.cid, r.bytes FROM declared m JOIN receipts r ON r.id = m.receipt WHERE m.place = ? AND m.key = ?');
  find.setReturnArrays(true);
  const began = performance.now();
  for (const { place, key } of keys) hash('sha3-256', (find.get(place, key) as unknown as [Uint8Array, Uint8Array])[1], 'buffer');
  return performance.now() - began;
}
