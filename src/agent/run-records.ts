import { DocketError } from '../errors.ts';
import { Lock } from '../ledger/locks.ts';
import type { RunRow } from '../ledger/runs.ts';
import type { RunRecords, RunView } from '../protocol/records.ts';
import { cancelRun } from './cancel-run.ts';
import type { Engine } from './engine.ts';
import { explain } from './explain.ts';
import { findRun, findTask } from './find.ts';
import { wasForced } from './forced.ts';
import { listTasks } from './list-tasks.ts';
import { planOf } from './plan-of.ts';
import { runCounts } from './run-counts.ts';
import type { EventLog } from '../base/event-log.ts';
import { logOf, logsOf } from './task-logs.ts';
import { watchRows } from './watch-rows.ts';

/** The runs of a home, whoever drives them. `logOfRun` knows those that this process drives. */
export function runRecords(engine: Engine, logOfRun: (run: string) => EventLog | undefined = () => undefined): RunRecords {
  const { ledger } = engine;
  return {
    list: async (filter) => ledger.runs(filter).map((row) => viewOf(engine, row)),
    find: async (word) => viewOf(engine, findRun(engine, word)),
    async tasks(word, { from, limit }) {
      const tasks = await listTasks(engine, findRun(engine, word));
      return { tasks: tasks.slice(from, from + limit), total: tasks.length };
    },
    async graph(word) {
      const { tasks } = await planOf(engine, findRun(engine, word).run);
      return { tasks: tasks.map(({ label, group, awaits }) => ({ label, group, awaits: [...new Set(awaits.map(({ task }) => task))] })) };
    },
    async why(word, taskWord) {
      const row = findRun(engine, word);
      const plan = await planOf(engine, row.run);
      const index = findTask(plan, taskWord);
      const task = plan.tasks[index]!;
      const isOver = row.state !== 'running' && row.state !== 'interrupted';
      return { label: task.label, why: explain(engine, { run: row.run, plan, index, forced: wasForced(row, task), isOver }) };
    },
    async *logs(word, task) {
      const { run } = findRun(engine, word);
      if (task === undefined) yield* logsOf(engine, run);
      else yield logOf(engine, run, findTask(await planOf(engine, run), task));
    },
    cancel: async (word, signal) => await cancelRun(engine, findRun(engine, word).run, signal),
    delete: (word) => deleteRun(engine, findRun(engine, word)),
    async *events(word, after, signal) {
      const row = findRun(engine, word);
      const log = logOfRun(row.run);
      yield* log === undefined ? watchRows(engine, row.run, { after, signal }) : log.read(after, signal);
    },
  };
}

function viewOf({ ledger }: Engine, row: RunRow): RunView {
  const { run, name, workflow, plan, state, created, finished, outputs } = row;
  const { slots, failFast } = row.options as { readonly slots?: unknown; readonly failFast?: unknown };
  const asked = { slots: typeof slots === 'number' ? slots : null, failFast: failFast === true };
  return { run, name, workflow, plan, state, created, finished, tasks: runCounts(ledger, row), outputs: outputs ?? {}, ...asked };
}

async function deleteRun({ ledger, paths }: Engine, { run, state }: RunRow): Promise<void> {
  using lock = Lock.tryAcquire(paths.runLock(run));
  if (lock === undefined || state === 'running') throw new DocketError('RUN_BUSY', `run ${run} is not over`, { next: 'Cancel it first.' });
  await ledger.commit([{ kind: 'run-delete', run }]);
  lock.remove();
}
