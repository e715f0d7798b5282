import type { RunCounts } from '../workflow/run-state.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { RunRow, RunTally } from '../ledger/runs.ts';

/** How the tasks of a run ended. Of one that goes on or was cut off: so far, by the rows there are; a task that nobody looked at yet has none. */
export function runCounts(
  ledger: Pick<Ledger, 'runTally'>,
  { run, state, counts }: Pick<RunRow, 'run' | 'state' | 'counts'>,
): RunCounts | null {
  if (state !== 'running' && state !== 'interrupted') return counts;
  const { rows, sums } = tallied(ledger, run);
  return { total: counts?.total ?? rows, ...sums };
}

/** Of a run that will not be driven on: what has no row was not begun, or not told of, and counts as cancelled, as it is listed. */
export function brokenOffCounts(ledger: Pick<Ledger, 'runTally'>, run: string, total: number): RunCounts {
  const { rows, sums } = tallied(ledger, run);
  return { total, ...sums, cancelled: sums.cancelled + total - rows };
}

function tallied(ledger: Pick<Ledger, 'runTally'>, run: string): { readonly rows: number; readonly sums: Omit<RunCounts, 'total'> } {
  const sums = { ran: 0, cached: 0, failed: 0, skipped: 0, cancelled: 0 };
  let rows = 0;
  for (const tally of ledger.runTally(run)) {
    sums[kindOf(tally)] += tally.count;
    rows += tally.count;
  }
  return { rows, sums };
}

function kindOf({ state, via }: Pick<RunTally, 'state' | 'via'>): keyof Omit<RunCounts, 'total'> {
  if (state === 'ok') return via === 'ran' ? 'ran' : 'cached';
  return state;
}
