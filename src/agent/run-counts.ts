import { endOfStand, type RunCounts, type RunState } from '../workflow/run-state.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { RunRow } from '../ledger/runs.ts';

/** How the tasks of a run ended. Of one that goes on or was cut off: so far, by the rows there are; a task that nobody looked at yet has none. */
export function runCounts(
  ledger: Pick<Ledger, 'runTally'>,
  { run, state, counts }: Pick<RunRow, 'run' | 'state' | 'counts'>,
): RunCounts | null {
  if (state !== 'running' && state !== 'interrupted') return counts;
  const { rows, sums } = tallied(ledger, run, state);
  return { total: counts?.total ?? rows, ...sums };
}

/** Of a run that will not be driven on: what has no row was not begun, or not told of, and counts as cancelled, as it is listed. */
export function brokenOffCounts(ledger: Pick<Ledger, 'runTally'>, run: string, total: number): RunCounts {
  const { rows, sums } = tallied(ledger, run, 'failed');
  return { total, ...sums, cancelled: sums.cancelled + total - rows };
}

interface Tallied {
  readonly rows: number;
  readonly sums: Omit<RunCounts, 'total'>;
}

function tallied(ledger: Pick<Ledger, 'runTally'>, run: string, runState: RunState): Tallied {
  const sums = { ran: 0, cached: 0, failed: 0, skipped: 0, cancelled: 0 };
  let rows = 0;
  for (const { state, via, count } of ledger.runTally(run)) {
    rows += count;
    const end = endOfStand(state, runState);
    if (end === 'ok') sums[via === 'ran' ? 'ran' : 'cached'] += count;
    else if (end !== undefined) sums[end] += count;
  }
  return { rows, sums };
}
