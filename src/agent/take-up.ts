import type { Clock } from '../base/clock.ts';
import type { Change } from '../ledger/change.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { RunRow } from '../ledger/runs.ts';
import { brokenOffCounts } from './run-counts.ts';
import { type Cause, givenUp, judge, type Tries, type Verdict, withTries } from './tries.ts';

/**
 * Takes up the runs that agents drove when they were killed. What kills an agent does so while a task of its run is with a runner, as a rule: runs that had
 * none there are innocent, the others suspects.
 *
 * Invariants
 * U1. What is to be known of a run at the next start is durable before anything of it is read: a run that kills its agent cannot be taken up for ever.
 * U2. Innocent runs, and those that got on since they were last begun, go on at once. Suspects are on trial, one at a time, each until something of it has
 *     ended or its time is over.
 * U3. A suspect that was on trial when the agent was killed again is tried before anybody else is taken up: if it is to blame it is soon found alone.
 * U4. A run is given up only for deaths at which no other run had a task with a runner. So one that is harmless is not because it stood beside one that was not.
 * U5. A trial has an end, and so has the wait for one's turn.
 */

export interface TakeUpOptions {
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Resolves when the run is driven. */
  readonly takeUp: (row: RunRow, tries: Tries) => Promise<void>;
  /** Resolves when a task of a driven run has ended, or the run. Throws the signal's reason. */
  readonly gotOn: (run: string, signal: AbortSignal) => Promise<void>;
  readonly told: TakenUp;
  readonly signal: AbortSignal;
}

/** Who wants to know which runs go on. */
export interface TakenUp {
  readonly resumed: (run: string) => void;
  readonly failed: (run: string, error: unknown) => void;
}

interface Suspect {
  readonly row: RunRow;
  readonly verdict: Extract<Verdict, { kind: 'on trial' }>;
}

interface Innocent {
  readonly row: RunRow;
  readonly tries: Tries;
}

/** Resolves when those are driven that go on at once. `trials` resolves when the others had their turn, and never rejects. */
export async function takeUpAll(
  options: TakeUpOptions,
  rows: readonly RunRow[],
  cause: Cause,
): Promise<{ readonly trials: Promise<void> }> {
  const [first, suspects, innocent]: [Suspect[], Suspect[], Innocent[]] = [[], [], []];
  for (const row of rows) {
    const verdict = judge(row, finished(options.ledger, row.run), cause);
    if (verdict.kind === 'on trial') (verdict.isFirst ? first : suspects).push({ row, verdict });
    else if (verdict.kind === 'given up') await giveUp(options, row, verdict.tries);
    else innocent.push({ row, tries: verdict.tries });
  }
  if (first.length > 0)
    return {
      trials: tryInTurn(options, first)
        .then(() => beginAll(options, innocent))
        .then(() => tryInTurn(options, suspects)),
    };
  await beginAll(options, innocent);
  return { trials: tryInTurn(options, suspects) };
}

async function beginAll(options: TakeUpOptions, innocent: readonly Innocent[]): Promise<void> {
  for (const { row, tries } of innocent) {
    if (options.signal.aborted) return;
    const now = stillWaiting(options, row);
    if (now !== undefined) await begin(options, now, tries);
  }
}

/** It may have been deleted, or taken up by somebody, while others had their turn. */
function stillWaiting({ ledger }: TakeUpOptions, { run }: RunRow): RunRow | undefined {
  const now = ledger.run(run);
  return now?.state === 'interrupted' ? now : undefined;
}

/** Whether it goes on now. Never throws. */
async function begin({ ledger, takeUp, told }: TakeUpOptions, row: RunRow, tries: Tries): Promise<boolean> {
  try {
    await ledger.commit([note(row, tries)]);
    await takeUp(row, tries);
    told.resumed(row.run);
    return true;
  } catch (error) {
    told.failed(row.run, error);
    return false;
  }
}

async function tryInTurn(options: TakeUpOptions, suspects: readonly Suspect[]): Promise<void> {
  for (const { row, verdict } of suspects) {
    if (options.signal.aborted) return;
    const now = stillWaiting(options, row);
    if (now !== undefined) await tryOut(options, now, verdict);
  }
}

async function tryOut(options: TakeUpOptions, row: RunRow, { tries, trial }: Suspect['verdict']): Promise<void> {
  const { ledger, clock, gotOn, signal } = options;
  if (await begin(options, row, tries)) {
    const over = new AbortController();
    const cancel = clock.after(trial, () => over.abort());
    await gotOn(row.run, AbortSignal.any([over.signal, signal])).catch(() => {});
    cancel();
  }
  const then = ledger.run(row.run);
  // Of a ledger that failed the agent learns from the ledger.
  if (then !== undefined) await ledger.commit([note(then, { ...tries, state: 'among others' })]).catch(() => {});
}

async function giveUp({ ledger, clock, told }: TakeUpOptions, row: RunRow, tries: Tries): Promise<void> {
  const options = withTries(row, tries);
  const counts = row.counts === null ? {} : { counts: brokenOffCounts(ledger, row.run, row.counts.total) };
  await ledger.commit([
    { kind: 'run-update', run: row.run, state: 'failed', from: ['interrupted'], finished: clock.now(), options, ...counts },
  ]);
  told.failed(row.run, givenUp({ run: row.run, options }));
}

/** Written if its state is still what it was. */
function note(row: RunRow, tries: Tries): Change {
  return { kind: 'run-update', run: row.run, state: row.state, from: [row.state], options: withTries(row, tries) };
}

/** How many of its tasks ended well. */
function finished(ledger: Ledger, run: string): number {
  return ledger.runTally(run).reduce((sum, { state, count }) => (state === 'ok' ? sum + count : sum), 0);
}
