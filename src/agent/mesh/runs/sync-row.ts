import type { Ledger } from '../../../ledger/ledger.ts';
import type { RunRecord } from '../../../protocol/mesh/run-record.ts';
import { isElsewhere, withElsewhere } from '../../elsewhere.ts';

/**
 * What the mesh says of a run, written into the row of a home that drove it once and does not any more: how it ended, that it is elsewhere, or that it is to be
 * forgotten. `left`: of a run that was cut off here, and is another's.
 */
export async function syncRow({ ledger }: { readonly ledger: Ledger }, record: RunRecord, left?: 'left'): Promise<void> {
  const { run, state, counts, finished } = record;
  const row = ledger.run(run);
  if (row === undefined || row.state === 'running') return;
  if (state === 'deleted') return void (await ledger.commit([{ kind: 'run-delete', run }]));
  if (row.state !== 'interrupted' || (left === undefined && !isElsewhere(row))) return;
  const options = withElsewhere(row);
  if (state === 'running') {
    if (!isElsewhere(row)) await ledger.commit([{ kind: 'run-update', run, state: 'interrupted', from: ['interrupted'], options }]);
  } else await ledger.commit([{ kind: 'run-update', run, state, from: ['interrupted'], finished, counts, options }]);
}
