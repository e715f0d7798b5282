import type { Mesh } from '../../../mesh/mesh.ts';
import { encodeEntry, journalOf } from '../../../protocol/mesh/run-entry.ts';
import { encodeRunRecord, keyOfRun, type MeshRunState, type RunRecord } from '../../../protocol/mesh/run-record.ts';
import type { RunCounts } from '../../../workflow/run-state.ts';
import { beginPart } from './journal-reader.ts';
import { isDocketError } from '../../../errors.ts';

interface Ending {
  readonly mesh: Pick<Mesh, 'records' | 'journals'>;
  readonly record: RunRecord;
  readonly revision: number;
  readonly signal: AbortSignal;
}

/** Ends a run that nobody drives, in its record and in its journal. Gives the revision; undefined if the record changed meanwhile. Throws `MESH_…`. */
export async function endRun(
  { mesh, record, revision: before, signal }: Ending,
  how: { readonly state: Exclude<MeshRunState, 'running'>; readonly finished: number } & Partial<
    Pick<RunRecord, 'failure' | 'counts' | 'outputs'>
  >,
): Promise<number | undefined> {
  const counts = how.counts ?? (how.state === 'failed' ? wholeOf(record.counts) : record.counts);
  const ended: RunRecord = { ...record, epoch: undefined, ...how, counts };
  const revision = await mesh.records.put(keyOfRun(record.run), encodeRunRecord(ended), before);
  if (revision !== undefined) await tellEnd(mesh, ended, revision, signal);
  return revision;
}

/** What nobody goes on with is cancelled: in a run that failed each task came to something. */
function wholeOf(counts: RunCounts): RunCounts {
  const { total, ran, cached, failed, skipped } = counts;
  return { ...counts, cancelled: Math.max(0, total - ran - cached - failed - skipped) };
}

/** Whoever follows it hears it from the record, should this fail. */
async function tellEnd(mesh: Ending['mesh'], record: RunRecord, epoch: number, signal: AbortSignal): Promise<void> {
  try {
    const { after } = await beginPart(mesh.journals, { run: record.run, onRefused: () => {}, signal }, epoch);
    const entry = encodeEntry({ epoch, first: after + 1, events: [{ kind: 'ended', data: endData(record) }] });
    await mesh.journals.append(journalOf(record.run), [entry]);
  } catch (error) {
    if (!isDocketError(error) && !signal.aborted) throw error;
  }
}

/** What the event that ends it says, as far as its record tells. */
export function endData({ state, counts, created, finished }: RunRecord): string {
  const seconds = finished === null ? 0 : Math.max(0, finished - created) / 1000;
  return JSON.stringify({ state, tasks: counts, errors: [], moreErrors: counts.failed, seconds });
}
