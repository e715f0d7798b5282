import { type Agree, parseAgree } from '../workflow/agree.ts';
import type { RunRow } from '../ledger/runs.ts';
import { type DriveOptions, isWeight } from '../scheduler/driver.ts';
import type { Plan, PlannedTask } from '../workflow/model.ts';
import type { Movable } from '../scheduler/run-keys.ts';
import { wasLastHere } from './drive-epoch.ts';
import type { Engine } from './engine.ts';
import { resultOf } from './trust/trusted-memo.ts';

/** Whether the run was started with the wish to run this task whatever is known. */
export function wasForced({ options }: RunRow, { label, group }: PlannedTask): boolean {
  const { force } = options as { readonly force?: unknown };
  return force === 'all' || (Array.isArray(force) && (force.includes(label) || force.includes(group)));
}

/**
 * Labels of the tasks whose run was asked for and has not come yet, as far as the rows here say how they stand. What was run elsewhere stays among them, and is found all the
 * same (`RunKeys`).
 */
function stillForced(engine: Engine, row: RunRow, plan: Plan, movable: Movable | undefined): string[] {
  const forced = plan.tasks.map((task) => wasForced(row, task));
  if (!forced.includes(true)) return [];
  if (movable !== undefined && !wasLastHere(row, movable)) return plan.tasks.filter((_, i) => forced[i]).map(({ label }) => label);
  const ran = new Set<number>();
  // Later drives find it by its key, which is what the row then says; attempts it has only if it was run in this run.
  for (const task of engine.ledger.runTasks(row.run))
    if (forced[task.index] === true && task.attempts > 0 && resultOf(engine.ledger, task) !== undefined) ran.add(task.index);
  return plan.tasks.filter((_, i) => forced[i] === true && !ran.has(i)).map((task) => task.label);
}

type Asked = Pick<DriveOptions, 'slots' | 'failFast' | 'awaitTime'>;

/** What a run was asked for when it was started. */
export function askedOf({ options }: RunRow): { readonly slots: number | null; readonly failFast: boolean } {
  const { slots, failFast } = options as { readonly slots?: unknown; readonly failFast?: unknown };
  return { slots: typeof slots === 'number' ? slots : null, failFast: failFast === true };
}

/** How a run is taken up: what it was started with holds where nothing else is said. `movable`: as of `Taken`. */
export function resumption(
  engine: Engine,
  row: RunRow,
  plan: Plan,
  { slots, failFast, awaitTime = awaitTimeOf(row) }: Asked,
  movable?: Movable,
): DriveOptions {
  const before = askedOf(row);
  const most = slots ?? before.slots;
  const agree = agreeOf(row);
  const weight = weightOf(row);
  return {
    force: stillForced(engine, row, plan, movable),
    failFast: failFast === true || before.failFast,
    ...(most === null ? {} : { slots: most }),
    ...(agree === undefined ? {} : { agree }),
    ...(weight === undefined ? {} : { weight }),
    ...(awaitTime === undefined ? {} : { awaitTime }),
  };
}

function agreeOf({ options }: RunRow): Agree | undefined {
  const { agree } = options as { readonly agree?: unknown };
  return typeof agree === 'string' ? parseAgree(agree) : undefined;
}

function weightOf({ options }: RunRow): number | undefined {
  const { weight } = options as { readonly weight?: unknown };
  return isWeight(weight) ? weight : undefined;
}

function awaitTimeOf({ options }: RunRow): number | undefined {
  const { awaitTime } = options as { readonly awaitTime?: unknown };
  return typeof awaitTime === 'number' ? awaitTime : undefined;
}
