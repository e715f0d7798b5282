import type { Clock } from '../../../base/clock.ts';
import { DocketError } from '../../../errors.ts';
import type { Mesh } from '../../../mesh/mesh.ts';
import type { EventView } from '../../../protocol/records.ts';
import type { Drive } from './drive.ts';
import { endData } from './end-run.ts';
import { type JournalReaderOptions, readJournal } from './journal-reader.ts';
import { isLast } from './journal-writer.ts';
import { Looks } from './pause.ts';
import type { KnownRun, RunTable } from './run-table.ts';

/**
 * What happens in a run of the mesh, whoever drives it, until it is over.
 *
 * Invariants
 * W1. The number of an event is one that any member goes on after: nothing that is told behind it is lost, and nothing twice. So an event of a drive here is told when it
 *     is in the journal. While the mesh is not heard, or does not take the run's record, it is told at once, under the number of the last one that is there.
 * W2. When the drive here has lost its run, what it did not journal is forgotten: the reader goes on where the journal does.
 * W3. A run whose record says how it ended has an end, also if nobody could write it into the journal.
 * W4. An end whose record says that the run goes on is that of an earlier drive, after which it was resumed: it is passed over. The record is written first, so it is
 *     never older than what the journal tells.
 * W5. Who begins at the beginning is told of the drive that goes on, or of the last, and not of those before: it tells anew what holds of what they did, and failures
 *     that are tried again are none.
 */
export interface FollowTerms {
  readonly mesh: Mesh;
  readonly clock: Clock;
  readonly table: Pick<RunTable, 'get'>;
  readonly drive: (run: string) => Drive | undefined;
  readonly revision: (run: string, signal: AbortSignal) => Promise<number | undefined>;
  /** Whether the run's record, as it is now, says that the run goes on. */
  readonly goesOn: (run: string) => Promise<boolean>;
  readonly onRefused: (problem: string) => void;
}

/** Between two looks whether a run has ended, or is driven here; and how long the journal may take to tell the end, in ms. */
const LOOK = 250;
const GRACE = 2_000;

/** `record`: what stands in the mesh now, or was heard last. */
export async function* followRun(
  terms: FollowTerms,
  { run, after, record }: { readonly run: string; readonly after: number; readonly record: KnownRun | undefined },
  signal: AbortSignal,
): AsyncGenerator<EventView> {
  const looks = new Looks(terms.clock);
  const since = after > 0 || record === undefined ? undefined : epochOf(record);
  const driven = terms.drive(run);
  let last = after === 0 && driven?.isHeld === true ? driven.after : after;
  for (;;) {
    signal.throwIfAborted();
    const drive = terms.drive(run);
    if (drive?.isHeld === true && last >= drive.after) {
      for await (const event of ofDrive(terms, drive, last, signal)) {
        yield event;
        last = event.seq;
        if (isLast(event)) return;
      }
      last = Math.min(last, drive.journal.written);
      // Its log has ended: what becomes of it is settled soon.
      await looks.within(LOOK, drive.outcome);
    } else
      for await (const event of ofJournal(terms, { run, after: last, since }, signal)) {
        last = Math.max(last, event.seq);
        const isEnd = isLast(event) && !(await terms.goesOn(run));
        if (isEnd || !isLast(event)) yield event;
        if (isEnd) return;
        const here = terms.drive(run);
        if (here?.isHeld === true && last >= here.after) break;
      }
  }
}

/** Of the last drive; undefined if the record does not say. */
function epochOf({ record: { epoch, state, coordinator }, revision }: KnownRun): number | undefined {
  return epoch ?? (state === 'running' && coordinator !== null ? revision : undefined);
}

/** Until it has ended here, however that was. */
async function* ofDrive(terms: FollowTerms, drive: Drive, after: number, signal: AbortSignal): AsyncGenerator<EventView> {
  const looks = new Looks(terms.clock);
  for await (const event of drive.log.read(after, signal)) {
    if (isLast(event) && (await ended(terms, drive)) === 'gone') return;
    while (event.seq > drive.journal.written && drive.isHeld && drive.isHeard && !isLast(event) && event.kind !== 'gap')
      await looks.within(LOOK, drive.journal.progress);
    if (!drive.isHeld) return;
    yield { ...event, seq: isLast(event) ? event.seq : Math.min(event.seq, Math.max(after, drive.journal.written)) };
  }
}

/** A member that is cut off knows how its drive ended, if not whether that counts. */
async function ended({ clock }: FollowTerms, drive: Drive): Promise<'ended' | 'gone'> {
  const looks = new Looks(clock);
  for (;;) {
    const outcome = await looks.within(LOOK, drive.outcome);
    if (outcome !== undefined) return outcome === 'ended' ? 'ended' : 'gone';
    if (!drive.isHeld && drive.lease.standing.tag !== 'over') return 'gone';
    if (!drive.isHeard) return 'ended';
  }
}

/** Until it is aborted, or the run's record says that it is over and the journal has nothing more. */
async function* ofJournal(
  terms: FollowTerms,
  { run, after, since }: Pick<JournalReaderOptions, 'run' | 'after' | 'since'>,
  signal: AbortSignal,
): AsyncGenerator<EventView> {
  const { mesh, clock, table, onRefused } = terms;
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  const events = readJournal({
    journals: mesh.journals,
    run,
    after,
    since,
    revision: (stop) => terms.revision(run, stop),
    onRefused,
    signal: until,
  });
  let last = after;
  let quiet = clock.monotonic();
  let next = events.next();
  const looks = new Looks(clock);
  try {
    for (;;) {
      const result = await looks.within(LOOK, next);
      signal.throwIfAborted();
      if (result !== undefined) {
        if (result.done === true) throw new DocketError('MESH_UNREACHABLE', 'this agent has left the mesh');
        quiet = clock.monotonic();
        last = result.value.seq;
        yield result.value;
        next = events.next();
        continue;
      }
      const here = terms.drive(run);
      if (here?.isHeld === true && last >= here.after) return;
      const record = table.get(run)?.record;
      if (record?.state === 'running' || mesh.link.tag === 'down') quiet = clock.monotonic();
      else if (clock.monotonic() - quiet > GRACE) {
        const data = record === undefined ? JSON.stringify({ state: 'deleted', tasks: null, errors: [], seconds: 0 }) : endData(record);
        return yield { seq: last + 1, kind: 'ended', data };
      }
    }
  } finally {
    over.abort();
    await next.catch(() => {});
  }
}
