import { Flight, type Started } from '../ledger/flight.ts';
import type { Parts } from './crash-receipts.ts';

/** The attempts of a run that were given to a runner and have no receipt, each once, in the order they began. */
export function inFlight({ ledger, paths }: Pick<Parts, 'ledger' | 'paths'>, run: string): Started[] {
  const known = new Map<number, number>();
  return Flight.read(paths.flight(run)).filter(({ index, attempt }) => {
    const last = known.get(index) ?? ledger.runTask(run, index)?.attempts ?? 0;
    known.set(index, Math.max(last, attempt));
    return attempt > last;
  });
}
