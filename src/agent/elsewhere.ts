import { DocketError, isDocketError } from '../errors.ts';
import type { RunRow } from '../ledger/runs.ts';

/** Runs that this home drove and another member of a mesh goes on with: their rows say so, or the next agent on this home would drive them again. */

/** Why a drive ends whose run is another's now. */
export function takenAway(run: string, why: string): DocketError {
  return new DocketError('RUN_TAKEN', `run ${run} is not driven here any more: ${why}`, { details: { run } });
}

export function isTakenAway(reason: unknown): boolean {
  return isDocketError(reason, 'RUN_TAKEN');
}

export function withElsewhere({ options }: Pick<RunRow, 'options'>): object {
  return { ...(options as object), elsewhere: true };
}

export function isElsewhere({ options }: Pick<RunRow, 'options'>): boolean {
  return (options as { readonly elsewhere?: unknown }).elsewhere === true;
}
