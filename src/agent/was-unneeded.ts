import type { RunTaskRow } from '../ledger/change.ts';
import * as State from '../scheduler/state.ts';
import { targetsOf, unneededTasks } from '../scheduler/unneeded.ts';
import type { Plan } from '../workflow/model.ts';

/**
 * Of the tasks without a row in a run that is over: whether nobody needed them. The others were not reached before the run was stopped. `rows` are
 * those of the whole run, by index.
 */
export function wasUnneeded(plan: Plan, rows: ReadonlyMap<number, Pick<RunTaskRow, 'state'>>): (task: number) => boolean {
  return unneededTasks(plan, targetsOf(State.create(plan)), (task) => (rows.get(task)?.state ?? 'cancelled') !== 'cancelled');
}
