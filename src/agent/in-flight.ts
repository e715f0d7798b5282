import { Flight, type Started } from '../ledger/flight.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Paths } from '../ledger/home.ts';

/**
 * The attempts of a run that were given to a runner and have no receipt, each once, in the order they began. `settled`: attempts of a task that have theirs, as its
 * row says.
 */
export function inFlight(paths: Paths, run: string, settled: (index: number) => number): Started[] {
  const known = new Map<number, number>();
  return Flight.read(paths.flight(run)).filter(({ index, attempt }) => {
    const last = known.get(index) ?? settled(index);
    known.set(index, Math.max(last, attempt));
    return attempt > last;
  });
}

/** What the rows of a run say, read when it is asked for, all at once: one by one they take longer. */
export function attemptsOf(ledger: Pick<Ledger, 'runTasks'>, run: string): (index: number) => number {
  let attempts: Map<number, number> | undefined;
  return (task) => {
    attempts ??= new Map([...ledger.runTasks(run)].map((row) => [row.index, row.attempts]));
    return attempts.get(task) ?? 0;
  };
}
