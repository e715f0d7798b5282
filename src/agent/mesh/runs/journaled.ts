import type { EventView } from '../../../protocol/records.ts';
import type { FollowTerms } from './follow-run.ts';
import { readJournal } from './journal-reader.ts';
import { limited, within } from './pause.ts';

/** How long a journal is read that has no end, in ms; and events of it. */
const PATIENCE = 2_000;
const MOST_EVENTS = 1_000_000;
/** After an end, how long the journal may take to tell more, in ms: the run may have been resumed. */
const MORE = 250;

export interface JournaledOptions extends Pick<FollowTerms, 'mesh' | 'clock' | 'revision' | 'onRefused'> {
  readonly signal: AbortSignal;
}

/** What the journal tells by now. */
export async function journaled({ mesh, clock, revision, onRefused, signal }: JournaledOptions, run: string): Promise<EventView[]> {
  using limit = limited(clock, PATIENCE, signal);
  const enough = new AbortController();
  const until = AbortSignal.any([limit.signal, enough.signal]);
  const events: EventView[] = [];
  const reader = readJournal({ journals: mesh.journals, run, after: 0, revision: (stop) => revision(run, stop), onRefused, signal: until });
  let next = reader.next();
  try {
    while (events.length < MOST_EVENTS) {
      const result = events.at(-1)?.kind === 'ended' ? await within(clock, MORE, next) : await next;
      if (result === undefined || result.done === true) break;
      events.push(result.value);
      next = reader.next();
    }
  } catch (error) {
    if (!limit.signal.aborted) throw error;
  } finally {
    enough.abort();
    await next.catch(() => {});
  }
  return events;
}
