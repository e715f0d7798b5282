import type { EventLog } from '../base/event-log.ts';
import { DocketError } from '../errors.ts';
import type { RunRow } from '../ledger/runs.ts';
import type { FetchView, RunRecords, RunView } from '../protocol/records.ts';
import type { Plan } from '../workflow/model.ts';
import type { Engine } from './engine.ts';
import { fetchedFor } from './fetched-for.ts';
import { findRun, findTask } from './find.ts';
import { attemptsOf, inFlight } from './in-flight.ts';
import { settleRun } from './recover.ts';
import { ownRun } from './own-run.ts';
import { askedOf, wasForced } from './resumption.ts';
import { runCounts } from './run-counts.ts';
import { givenUp } from './tries.ts';
import type { Whereabouts } from './whereabouts.ts';

/** What is known of runs that this process drives. */
export interface DrivenRuns {
  /** Their logs. */
  readonly logOfRun?: (run: string) => EventLog | undefined;
  /** What they wait for. */
  readonly fetchingOf?: (run: string) => readonly FetchView[];
  /** Where their tasks are. */
  readonly whereaboutsOf?: (run: string) => Whereabouts | undefined;
}

/**
 * The runs of a home, whoever drives them; `driven` knows those that this process does. What a question alone needs is loaded with it: looking at a list of
 * runs takes less than the loading of all this would.
 */
export function runRecords(
  engine: Engine,
  { logOfRun = () => undefined, fetchingOf = () => [], whereaboutsOf = () => undefined }: DrivenRuns = {},
): RunRecords {
  const { ledger } = engine;
  const planOf = async (run: string): Promise<Plan> => (await import('./plan-of.ts')).planOf(engine, run);
  return {
    list: async (filter) => ledger.runs(filter).map((row) => viewOf(engine, row)),
    async find(word) {
      const row = findRun(engine, word);
      const [fetching, fetched] = [fetchingOf(row.run), fetchedFor(row)];
      const told = { ...(fetching.length === 0 ? {} : { fetching }), ...(fetched.length === 0 ? {} : { fetched }) };
      return { ...viewOf(engine, row), ...told };
    },
    async tasks(word, page) {
      const { listTasks } = await import('./list-tasks.ts');
      const row = findRun(engine, word);
      return await listTasks(engine, row, page, whereaboutsOf(row.run));
    },
    async graph(word) {
      const { tasks } = await planOf(findRun(engine, word).run);
      return { tasks: tasks.map(({ label, group, awaits }) => ({ label, group, awaits: [...new Set(awaits.map(({ task }) => task))] })) };
    },
    async why(word, taskWord) {
      const { explain } = await import('./explain.ts');
      const row = findRun(engine, word);
      const plan = await planOf(row.run);
      const index = findTask(plan, taskWord);
      const task = plan.tasks[index]!;
      const isOver = row.state !== 'running' && row.state !== 'interrupted';
      const whereabouts = whereaboutsOf(row.run);
      const begun = whereabouts === undefined ? [] : inFlight(engine.paths, row.run, attemptsOf(engine.ledger, row.run));
      // What it ended with may not be the end of the task.
      const member = begun.some((attempt) => attempt.index === index) ? whereabouts?.memberOf(index) : undefined;
      const where = { lacks: whereabouts?.lackOf(index), member };
      const question = { run: row.run, plan, index, forced: wasForced(row, task), isOver, ...where };
      return { label: task.label, why: explain(engine, question) };
    },
    async *logs(word, task) {
      const { logOf, logsOf } = await import('./task-logs.ts');
      const { run } = findRun(engine, word);
      if (task === undefined) yield* logsOf(engine, run);
      else yield logOf(engine, run, findTask(await planOf(run), task));
    },
    async cancel(word, signal) {
      const { cancelRun } = await import('./cancel-run.ts');
      return await cancelRun(engine, findRun(engine, word).run, signal);
    },
    delete: async (word) => await deleteRun(engine, findRun(engine, word)),
    async *events(word, after, signal) {
      const row = findRun(engine, word);
      const log = logOfRun(row.run);
      if (log !== undefined) return yield* log.read(after, signal);
      yield* (await import('./watch-rows.ts')).watchRows(engine, row.run, { after, signal });
    },
  };
}

function viewOf({ ledger }: Engine, row: RunRow): RunView {
  const { run, name, workflow, plan, state, created, finished, outputs } = row;
  const more = { tasks: runCounts(ledger, row), outputs: outputs ?? {}, ...askedOf(row), ...failureOf(row) };
  return { run, name, workflow, plan, state, created, finished, ...more };
}

function failureOf(row: RunRow): Pick<RunView, 'failure'> {
  const error = givenUp(row);
  return error === undefined ? {} : { failure: { code: error.code, message: error.message, next: error.next } };
}

async function deleteRun(engine: Engine, { run, state }: RunRow): Promise<void> {
  if (state === 'running') throw notOver(run);
  using _owned = await ownRun(engine, run);
  // Whoever drove it may have been killed: what it had with runners gets receipts first. And somebody may have taken it up meanwhile.
  await settleRun(engine, run);
  if (engine.ledger.run(run)?.state === 'running') throw notOver(run);
  await engine.ledger.commit([{ kind: 'run-delete', run }]);
}

function notOver(run: string): DocketError {
  return new DocketError('RUN_BUSY', `run ${run} is not over`, { next: 'Cancel it first.' });
}
