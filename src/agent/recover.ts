import { Flight } from '../ledger/flight.ts';
import { Lock } from '../ledger/locks.ts';
import { Filing } from '../scheduler/filing.ts';
import { Lookup } from '../scheduler/lookup.ts';
import { Policies } from '../scheduler/policies.ts';
import { OPS } from '../runner/ops.ts';
import type { Engine } from './engine.ts';
import { planOf } from './run-plan.ts';
import { VERSION } from './version.ts';

const ALL = 1_000_000;

/**
 * Gives every run whose coordinator died its due: the tasks that were with a runner get crash receipts, none lost and none invented,
 * and the run counts as interrupted until it is resumed. Runs another process drives are left alone.
 */
export async function recover(engine: Engine): Promise<void> {
  for (const { run: id } of engine.ledger.runs({ state: 'running', limit: ALL })) {
    using lock = Lock.tryAcquire(engine.paths.runLock(id));
    // Read again: it may have ended between the list and the lock.
    if (lock === undefined || engine.ledger.run(id)?.state !== 'running') continue;
    await engine.ledger.commit([...(await crashReceipts(engine, id)), { kind: 'run-update', run: id, state: 'interrupted', finished: engine.clock.now() }]);
    Flight.discard(engine.paths.flight(id));
    lock.remove();
  }
}

async function crashReceipts(engine: Engine, run: string): Promise<Parameters<Engine['ledger']['commit']>[0]> {
  const flights = Flight.read(engine.paths.flight(run));
  if (flights.length === 0) return [];
  const plan = await planOf(engine, run);
  const policies = new Policies(plan, (op) => OPS[op]?.semantics ?? 0);
  const filing = new Filing(engine.key, new Lookup(plan, policies, engine.ledger, () => false), VERSION);
  const last = new Map(flights.map(({ index, attempt }) => [index, attempt]));
  for (const { index, state } of engine.ledger.runTasks(run)) if (state !== 'cancelled') last.delete(index);
  return [...last].flatMap(([index, attempt]) => {
    const { changes } = filing.issue({
      index,
      task: plan.tasks[index]!,
      policy: policies.of(index),
      outcome: { tag: 'error', failure: { code: 'lost', message: 'its coordinator ended while the task was with a runner' } },
      usage: { wall: 0, cpu: 0, memory: 0, output: 0 },
      started: engine.clock.now(),
      attempt,
      key: undefined,
    });
    return changes;
  });
}
