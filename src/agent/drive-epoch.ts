import type { RunRow } from '../ledger/runs.ts';
import type { Movable } from '../scheduler/run-keys.ts';

/** Which drive of a run a home had last: kept among the run's options. */

/** 0 for the first. */
function epochOf({ options }: Pick<RunRow, 'options'>): number {
  const { epoch } = options as { readonly epoch?: unknown };
  return typeof epoch === 'number' ? epoch : 0;
}

export function withEpoch(options: object, epoch: number): object {
  return { ...options, epoch };
}

/** Whether it was driven before this home did so last. */
export function wasDrivenBefore(row: Pick<RunRow, 'options'>): boolean {
  return epochOf(row) > 0;
}

/** Whether nobody else has driven the run since this home did: what its rows say of the tasks is how they stand. */
export function wasLastHere(row: Pick<RunRow, 'options'>, { before }: Movable): boolean {
  return before.length === 0 || before[0] === epochOf(row);
}
