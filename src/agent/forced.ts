import type { RunRow } from '../ledger/runs.ts';
import type { Plan, PlannedTask } from '../workflow/model.ts';
import type { Engine } from './engine.ts';

/** Whether the run was started with the wish to run this task whatever is known. */
export function wasForced({ options }: RunRow, { label, group }: PlannedTask): boolean {
  const { force } = options as { readonly force?: unknown };
  return force === 'all' || (Array.isArray(force) && (force.includes(label) || force.includes(group)));
}

/** Labels of the tasks whose run was asked for and has not come yet. */
export function stillForced(engine: Engine, row: RunRow, plan: Plan): string[] {
  const ran = new Set(
    // Later drives find it by its key, which is what the row then says; attempts it has only if it was run in this run.
    [...engine.ledger.runTasks(row.run)].filter(({ state, attempts }) => state === 'ok' && attempts > 0).map(({ index }) => index),
  );
  return plan.tasks.filter((task, i) => wasForced(row, task) && !ran.has(i)).map((task) => task.label);
}
