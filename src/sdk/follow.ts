import { DocketError, ERROR_CODES, type ErrorCode, isDocketError } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import * as DagJson from '../ipld/dag-json.ts';
import type { EventView, Records } from '../protocol/records.ts';
import type { Contact, DriveHooks, FinishedRun } from '../scheduler/driver.ts';
import type { RunEvent } from '../scheduler/events.ts';
import { NO_COUNTS } from '../workflow/run-state.ts';
import { endLost, isAway } from './lost-run.ts';
import * as View from './views.ts';

/**
 * Tells what happens in a run until it is over. `signal` ends the telling, and nothing else. Throws its reason, `RUN_UNKNOWN`, `RUN_BUSY` if whoever drove it is
 * gone, and what kept the agent from driving it.
 */
export async function follow(
  { runs, place }: Pick<Records, 'runs' | 'place'>,
  run: string,
  { onEvent = () => {}, onRun = () => {}, onContact = () => {}, signal = new AbortController().signal }: DriveHooks,
): Promise<FinishedRun> {
  onRun(run);
  let conflicts = 0;
  for await (const event of runs.events(run, 0, signal)) {
    if (event.kind === 'broken') throw brokenBy(event);
    if (event.kind === 'conflict') conflicts++;
    if (event.kind === 'cut' || event.kind === 'back') {
      onContact(contactOf(event));
      continue;
    }
    if (event.kind === 'ended') return { ...(await endOf({ runs, place }, run, event)), conflicts };
    const told = toRunEvent(event);
    if (told !== undefined) onEvent(told);
  }
  throw new DocketError('RUN_UNKNOWN', `it is not told how run ${run} ended`);
}

async function endOf(
  { runs, place }: Pick<Records, 'runs' | 'place'>,
  run: string,
  { data }: EventView,
): Promise<Omit<FinishedRun, 'conflicts'>> {
  const { errors, moreErrors, seconds, state: told } = View.Ended.parse(DagJson.decode(data));
  const { workflow, tasks, outputs, state } = await runs.find(run).catch((error: unknown) => {
    throw isDocketError(error) && isAway(error) ? endLost(error, { run, url: place, state: told }) : error;
  });
  if (state === 'running' || state === 'interrupted')
    throw new DocketError('RUN_BUSY', `run ${run} was cut off: whoever drove it is gone`, { next: `docket resume ${run} goes on.` });
  return { run, workflow, state, tasks: tasks ?? NO_COUNTS, outputs, errors, moreErrors, seconds };
}

function contactOf({ kind, data }: EventView): Contact {
  const { url, mesh } = JSON.parse(data) as { readonly url: string; readonly mesh?: string | null };
  return kind === 'cut' ? { tag: 'cut', url, mesh: mesh ?? undefined } : { tag: 'back', url };
}

/** An event as the scheduler tells it; undefined for those that only a distant reader gets. */
function toRunEvent({ kind, data }: EventView): RunEvent | undefined {
  const fields = JSON.parse(data) as Readonly<Record<string, unknown>>;
  switch (kind) {
    case 'planned':
    case 'started':
    case 'retrying':
    case 'moved':
    case 'refused':
    case 'unplaceable':
    case 'held':
    case 'gone':
    case 'awaiting':
    case 'fetching':
    case 'fetched':
    case 'unfetched':
    case 'unsecured':
    case 'secured':
    case 'settled':
    case 'dissent':
    case 'slots':
      return { kind, ...fields } as RunEvent;
    case 'conflict':
      return { kind, kept: Cid.parse(String(fields['kept'])), other: Cid.parse(String(fields['other'])) };
    default:
      return undefined;
  }
}

function brokenBy({ data }: EventView): DocketError {
  const { code, message } = View.Broken.parse(JSON.parse(data));
  return new DocketError(Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'INTERNAL', message);
}
