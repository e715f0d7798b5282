import type { EventView, RunService, RunView } from '../protocol/services.ts';
import { DocketError } from '../errors.ts';
import { Lock } from '../ledger/locks.ts';
import type { RunRow } from '../ledger/runs.ts';
import type { ActiveRuns } from './active-runs.ts';
import { cancelRun } from './cancel-run.ts';
import type { Engine } from './engine.ts';
import { listTasks } from './list-tasks.ts';
import { planOf } from './plan-of.ts';
import { runCounts } from './run-counts.ts';

/** What an agent offers of the runs of its home, also of those that others drive. */
export function runServiceOf(engine: Engine, active: ActiveRuns): RunService {
  const { ledger } = engine;
  const find = (run: string): RunRow => {
    const row = ledger.run(run);
    if (row === undefined) throw new DocketError('RUN_UNKNOWN', `there is no run "${run}" in this home`);
    return row;
  };
  const view = (row: RunRow): RunView => {
    const { run, name, workflow, state, created, finished, outputs } = row;
    return { run, name, workflow, state, created, finished, tasks: runCounts(ledger, row), outputs: outputs ?? {} };
  };
  return {
    submit: (submission) => active.submit(submission),
    list: (filter) => ledger.runs(filter).map(view),
    get: (run) => view(find(run)),
    async tasks(run, { from, limit }) {
      const tasks = await listTasks(engine, find(run));
      return { tasks: tasks.slice(from, from + limit), total: tasks.length };
    },
    async graph(run) {
      const { tasks } = await planOf(engine, find(run).run);
      return { tasks: tasks.map(({ label, group, awaits }) => ({ label, group, awaits: [...new Set(awaits.map(({ task }) => task))] })) };
    },
    cancel: (run, signal) => cancelRun(engine, find(run).run, signal),
    async delete(run) {
      const { state } = find(run);
      using lock = Lock.tryAcquire(engine.paths.runLock(run));
      if (lock === undefined || state === 'running')
        throw new DocketError('RUN_BUSY', `run ${run} is not over`, { next: 'Cancel it first.' });
      await ledger.commit([{ kind: 'run-delete', run }]);
      lock.remove();
    },
    events: (run, after, signal) => eventsOf(engine, active, find(run), { after, signal }),
  };
}

/** Time between two looks at a run that another process drives, in ms. */
const LOOK = 500;

/** Of a run that this agent did not drive since it was started only the end can be told. */
async function* eventsOf(
  engine: Engine,
  active: ActiveRuns,
  { run }: RunRow,
  { after, signal }: { readonly after: number; readonly signal: AbortSignal },
): AsyncGenerator<EventView> {
  for (;;) {
    const log = active.log(run);
    if (log !== undefined) return yield* log.read(after, signal);
    const row = engine.ledger.run(run);
    if (row === undefined || row.state !== 'running') {
      const data = { state: row?.state ?? 'deleted', tasks: row === undefined ? null : runCounts(engine.ledger, row) };
      return yield { seq: 1, kind: 'ended', data: JSON.stringify(data) };
    }
    await new Promise<void>((resolve) => engine.clock.after(LOOK, resolve));
    signal.throwIfAborted();
  }
}
