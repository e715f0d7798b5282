import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Lock } from '../ledger/locks.ts';
import type { RunRow } from '../ledger/runs.ts';
import { endOfStand, type RunState } from '../workflow/run-state.ts';
import type { EventView } from '../protocol/records.ts';
import type { RunEnded } from '../protocol/run-told.ts';
import type { TaskError } from '../scheduler/events.ts';
import type { Engine } from './engine.ts';
import { readReceipt } from './read-receipt.ts';
import { runCounts } from './run-counts.ts';
import { isOfAgent } from './note-deaths.ts';
import { toldErrors } from './told-errors.ts';
import { deathOf } from './tries.ts';

/** Time between two looks, in ms. */
const LOOK = 250;
/** The looks at a large run take at most this part of the time. */
const SHARE = 1 / 5;
/** How long a run of an agent may have no driver and not wait for being taken up, in ms: until an agent that starts has found it, and between its turn and its drive. */
const AGENT_PATIENCE = 10_000;

interface Watch {
  /** Number of the last event a reader had; what follows counts on from it. */
  readonly after: number;
  readonly signal: AbortSignal;
}

/**
 * What happens in a run that another process drives, as far as the rows in the ledger tell: which tasks ended, and how the run did. Whoever comes back is
 * told all of it again, since rows have no order in time. A run whose driver died ends as interrupted.
 */
export async function* watchRows(engine: Engine, run: string, { after, signal }: Watch): AsyncGenerator<EventView> {
  let seq = after;
  const event = (kind: string, data: unknown): EventView => ({ seq: ++seq, kind, data: JSON.stringify(data) });
  const first = engine.ledger.run(run);
  if (first !== undefined)
    yield event('begun', { run, name: first.name, workflow: first.workflow.toString(), tasks: first.counts?.total ?? null });
  const seen = new Map<number, string>();
  const hasAgent = first !== undefined && isOfAgent(first.options);
  const patience = hasAgent ? AGENT_PATIENCE : LOOK;
  // Found cut off by an agent that starts, it may be taken up in a moment.
  const mayGoOn = (state: RunState): boolean =>
    state === 'running' || (state === 'interrupted' && hasAgent && Lock.isHeld(join(engine.paths.locks, 'agent')));
  for (let driven = engine.clock.monotonic(); ;) {
    signal.throwIfAborted();
    const row = engine.ledger.run(run);
    if (row === undefined) return yield event('ended', { state: 'deleted', tasks: null, errors: [], seconds: 0 });
    const began = engine.clock.monotonic();
    for (const { index, label, state: stand, via } of engine.ledger.runTasks(run)) {
      const state = endOfStand(stand, row.state);
      if (state === undefined || seen.get(index) === state) continue;
      seen.set(index, state);
      yield event('settled', { label, task: index, state, via });
    }
    if (!mayGoOn(row.state)) return yield event('ended', endOf(engine, row, row.state));
    const now = engine.clock.monotonic();
    // Its turn comes as long as there is an agent, however long that takes.
    const isWaiting = row.state === 'interrupted' && deathOf(row) !== undefined;
    if (isWaiting || Lock.isHeld(engine.paths.runLock(run))) driven = now;
    // Not at the first look: a driver lets go of its run a moment after it wrote how it ended.
    else if (now - driven > patience) return yield event('ended', endOf(engine, row, 'interrupted'));
    const took = now - began;
    await sleep(Math.max(LOOK, took / SHARE), undefined, { signal }).catch(() => {});
  }
}

/** How a run ended, as far as the ledger tells. */
export function endOf(engine: Engine, row: RunRow, state: RunState): Omit<RunEnded, 'kind'> {
  const seconds = ((row.finished ?? engine.clock.now()) - row.created) / 1000;
  return { state, tasks: runCounts(engine.ledger, row), ...toldErrors(errorsOf(engine, row.run)), seconds };
}

function errorsOf(engine: Engine, run: string): TaskError[] {
  const behind = new Map<number, number>();
  const failed: { readonly index: number; readonly error: Omit<TaskError, 'skipped'> }[] = [];
  for (const { index, label, state, receipt, cause } of engine.ledger.runTasks(run)) {
    if (state === 'skipped' && cause !== null) behind.set(cause, (behind.get(cause) ?? 0) + 1);
    if (state !== 'failed' && state !== 'retrying') continue;
    const outcome = receipt === null ? undefined : readReceipt(engine, receipt)?.outcome;
    const failure = outcome?.tag === 'error' ? outcome.failure : { code: 'lost', message: 'its receipt is gone' };
    failed.push({ index, error: { task: label, code: failure.code, message: failure.message } });
  }
  return failed.map(({ index, error }) => ({ ...error, skipped: behind.get(index) ?? 0 }));
}
