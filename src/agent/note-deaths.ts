import type { RunRow } from '../ledger/runs.ts';
import type { Parts } from './crash-receipts.ts';
import { attemptsOf, inFlight } from './in-flight.ts';
import { withDeath } from './tries.ts';

/**
 * Notes with the runs of a dead agent which of them had attempts with runners, and beside how many others, whoever finds it: the agent that takes them up
 * has only that to judge by.
 *
 * Invariants
 * N1. All of one agent are noted in one commit, which also takes them out of `running`: who is killed here and begins anew either notes all of them again
 *     or none. So no run is ever found alone that was not.
 * N2. A run of anybody counts as company, also one that is driven still: it costs a verdict at most, never an innocent run.
 */
export async function noteDeaths(parts: Pick<Parts, 'paths' | 'ledger' | 'clock'>, owned: ReadonlySet<string>): Promise<void> {
  const running = parts.ledger.runs({ state: 'running', limit: ALL });
  const dead = running.filter(({ run, options }) => owned.has(run) && isOfAgent(options));
  if (dead.length === 0) return;
  const counts = new Map(running.map(({ run }) => [run, inFlight(parts.paths, run, attemptsOf(parts.ledger, run)).length]));
  const all = [...counts.values()].filter((count) => count > 0).length;
  await parts.ledger.commit(
    dead.map((row) => {
      const count = counts.get(row.run)!;
      const options = withDeath(row, { inFlight: count, others: all - (count > 0 ? 1 : 0) });
      const finished = row.finished ?? parts.clock.now();
      return { kind: 'run-update', run: row.run, state: 'interrupted', from: ['running'], finished, options };
    }),
  );
}

/** Whether an agent drives it, or is to take it up. */
export function isOfAgent(options: RunRow['options']): boolean {
  return (options as { readonly agent?: unknown }).agent === true;
}

const ALL = 1_000_000;
