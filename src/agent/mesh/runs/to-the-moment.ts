import type { Clock } from '../../../base/clock.ts';
import type { Holder, RunRecord } from '../../../protocol/mesh/run-record.ts';
import type { RunRecords, RunView } from '../../../protocol/records.ts';
import { passOver } from './pass-over.ts';
import { within } from './pause.ts';

interface Asking {
  readonly clock: Clock;
  readonly self: Holder;
  readonly recordsAt: (did: string) => Promise<RunRecords>;
}

/** How long a coordinator may take to say how its run is, in ms. */
const PATIENCE = 500;

/** What the record of a run that goes on says late, or not at all: how its tasks are at this moment, what it fetches, and what keeps it from being secured. Nothing if its coordinator does not say. */
export async function toTheMoment(
  { clock, self, recordsAt }: Asking,
  { run, state, coordinator }: Pick<RunRecord, 'run' | 'state' | 'coordinator'>,
): Promise<Partial<RunView>> {
  if (state !== 'running' || coordinator === null || coordinator.did === self.did) return {};
  const asked = recordsAt(coordinator.did)
    .then(async (records) => await records.find(run))
    .catch(passOver);
  const view = await within(clock, PATIENCE, asked);
  if (view === undefined || view.state !== 'running') return {};
  const { tasks, fetching, fetched, unsecured } = view;
  return {
    tasks,
    ...(fetching === undefined ? {} : { fetching }),
    ...(fetched === undefined ? {} : { fetched }),
    ...(unsecured === undefined ? {} : { unsecured }),
  };
}
