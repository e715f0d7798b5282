import { DocketError } from '../errors.ts';
import { census } from '../ipld/dag-cbor-census.ts';

/** How large a stored plan may be. */
export interface PlanBounds {
  readonly bytes: number;
  /** Values of any kind in it, map keys included. */
  readonly items: number;
}

/** A plan of 64 MiB has about 200,000 tasks and 7 million items; so many in memory are less than a gigabyte at worst. */
export const PLAN_BOUNDS: PlanBounds = { bytes: 64 * 2 ** 20, items: 8_000_000 };
/** For those who may do everything. A million tasks take about a third. */
export const TRUSTED_PLAN_BOUNDS: PlanBounds = { bytes: 2 ** 30, items: 250_000_000 };

const MOST_TASKS = 1_000_000;
/** A task has about 30 items, and more if its arguments are lists; groups, outputs and one large input are no task's own. */
const ITEMS_A_TASK = 256;
const ITEMS_BESIDE = 1_000_000;

/**
 * Refuses a plan that would take more memory than its tasks account for, before anything of it is built. Bytes that are no plan pass: `decodePlan` says what
 * they are. Throws `WORKFLOW_TOO_LARGE`, `IPLD_INVALID`.
 */
export function refuseLarge(bytes: Uint8Array, bounds: Pick<PlanBounds, 'items'>): void {
  const counted = census(bytes, bounds.items);
  if (counted === undefined) return;
  const { items, shares } = counted;
  if (items > bounds.items) throw tooLarge(`it holds more than ${bounds.items} values`);
  const tasks = shares.get('tasks')?.length ?? 0;
  const metas = shares.get('metas')?.length ?? 0;
  if (tasks > MOST_TASKS) throw tooLarge(`it has ${tasks} tasks; ${MOST_TASKS} are taken`);
  if (metas > tasks) throw tooLarge(`it has ${metas} kinds of settings for ${tasks} tasks`);
  const most = ITEMS_BESIDE + ITEMS_A_TASK * tasks;
  if (items > most) throw tooLarge(`it holds ${items} values for ${tasks} tasks; ${most} are taken`);
}

export function tooLarge(message: string): DocketError {
  return new DocketError('WORKFLOW_TOO_LARGE', `the plan cannot be run: ${message}`, {
    next: 'Split the workflow, or give what is large to its tasks as blobs. A token with the scope admin may send larger plans.',
  });
}
