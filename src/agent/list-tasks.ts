import type { TaskPage, TaskView } from '../protocol/records.ts';
import { isDocketError } from '../errors.ts';
import type { RunTaskRow } from '../ledger/change.ts';
import type { RunRow } from '../ledger/runs.ts';
import { endOfStand, type RunState } from '../workflow/run-state.ts';
import type { Plan } from '../workflow/model.ts';
import type { Engine } from './engine.ts';
import { inFlight } from './in-flight.ts';
import { planOf } from './plan-of.ts';
import { failureText } from '../receipt/show.ts';
import { readReceipt } from './read-receipt.ts';
import { wasUnneeded } from './was-unneeded.ts';
import type { Whereabouts } from './whereabouts.ts';

/** Some of the tasks of a run in the order of its plan; if that is gone, of those that ended. */
export async function listTasks(
  engine: Engine,
  run: RunRow,
  { from, limit }: { readonly from: number; readonly limit: number },
  whereabouts?: Whereabouts,
): Promise<TaskPage> {
  const plan = await planIfThere(engine, run.run);
  const rows = new Map([...engine.ledger.runTasks(run.run)].map((row) => [row.index, row]));
  if (plan === undefined)
    return { tasks: [...rows.values()].slice(from, from + limit).map((row) => listed(engine, row, run.state)), total: rows.size };
  const begun = run.state === 'running' ? inFlight(engine.paths, run.run, (index) => rows.get(index)?.attempts ?? 0) : [];
  const running = new Map(begun.map(({ index, attempt }) => [index, attempt]));
  const isOver = run.state !== 'running' && run.state !== 'interrupted';
  const isUnneeded = isOver && rows.size < plan.tasks.length ? wasUnneeded(plan, rows) : () => false;
  const tasks = plan.tasks.slice(from, from + limit).map((task, i): TaskView => {
    const index = from + i;
    const row = rows.get(index);
    const attempt = running.get(index);
    if (row !== undefined && attempt === undefined) return listed(engine, row, run.state);
    const state = attempt !== undefined ? 'running' : isUnneeded(index) ? 'cached' : isOver ? 'cancelled' : 'pending';
    return {
      index,
      label: task.label,
      instruction: task.instruction.toString(),
      state,
      via: state === 'cached' ? 'unneeded' : null,
      attempts: attempt ?? 0,
      receipt: null,
      agent: attempt === undefined ? null : (whereabouts?.memberOf(index) ?? engine.did ?? null),
      error: null,
    };
  });
  return { tasks, total: plan.tasks.length };
}

function listed(engine: Engine, { index, label, instruction, state: stand, via, receipt, attempts }: RunTaskRow, run: RunState): TaskView {
  const read = receipt === null ? undefined : readReceipt(engine, receipt);
  const state = endOfStand(stand, run) ?? stand;
  const error = (state === 'failed' || state === 'retrying') && read !== undefined ? (failureText(read.outcome) ?? null) : null;
  const named = { instruction: instruction.toString(), receipt: receipt?.toString() ?? null, agent: read?.receipt.iss ?? null };
  // One that nobody could run, or that was refused, has a receipt that says so, and was not run.
  return { index, label, state, via: via === 'ran' && attempts === 0 ? null : via, attempts, ...named, error };
}

/** The plan may have been collected; the rows in the ledger then have to do. */
async function planIfThere(engine: Engine, run: string): Promise<Plan | undefined> {
  try {
    return await planOf(engine, run);
  } catch (error) {
    if (isDocketError(error)) return undefined;
    throw error;
  }
}
