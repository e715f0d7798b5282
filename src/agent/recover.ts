import { existsSync } from 'node:fs';
import type { Change } from '../ledger/change.ts';
import { sweepClaims } from '../ledger/claim-files.ts';
import { Flight, type Started } from '../ledger/flight.ts';
import { runsUnderWay } from '../ledger/home.ts';
import { sweepDrivers } from '../ledger/run-locks.ts';
import { sweepSpares } from '../ledger/spare-flights.ts';
import type { RunRow } from '../ledger/runs.ts';
import { sweepMarks } from '../ledger/slots.ts';
import type { Parts } from './crash-receipts.ts';
import { attemptsOf, inFlight } from './in-flight.ts';
import { noteDeaths } from './note-deaths.ts';

/**
 * Puts in order what killed coordinators left: the tasks they had with a runner get crash receipts, none lost and none invented, and their runs
 * count as interrupted until they are resumed.
 *
 * Invariants
 * R1. Only who owns a run writes about it. One that is owned has a coordinator that lives, and is left alone.
 * R2. Attempts of a task are numbered through all drives of its run, and the receipt of an attempt is committed together with the task's row, which
 *     holds its number. So in flight were the attempts that stand in the journal with a higher number than in the row, and no others: whichever drive
 *     settled the task, whether a retry was resting, and however often it is asked.
 * R3. Crash receipts, rows and the run's state are one commit, and the journal goes after it. Who is killed in between finds nothing more in flight.
 *     Only of an agent's run the state is changed before, see `noteDeaths`: its journal is then found without that.
 * R4. A journal goes only when its attempts have their receipts. If the run's plan cannot be read the run is interrupted all the same, and the
 *     journal waits for the plan to come back (running the same workflow stores it anew).
 */

const ALL = 1_000_000;

export async function recover(parts: Parts): Promise<void> {
  sweepMarks(parts.paths.locks);
  sweepClaims(parts.paths.locks);
  sweepDrivers(parts.paths.locks);
  sweepSpares(parts.paths);
  // After a power cut neither lock nor journal may be left, only the row.
  const running = parts.ledger.runs({ state: 'running', limit: ALL }).map(({ run }) => run);
  // All at once: what is noted of one depends on the others.
  using stack = new DisposableStack();
  const owned = new Set<string>();
  for (const run of new Set([...runsUnderWay(parts.paths), ...running])) {
    const own = parts.runLocks.tryOwn(run);
    if (own === undefined) continue;
    stack.use(own);
    owned.add(run);
  }
  if (owned.size > 0) await noteDeaths(parts, owned);
  for (const run of owned) await settleRun(parts, run);
  if (existsSync(parts.paths.hosted)) await settleHosted(parts);
}

/** What it had with runners for others. Loaded only where an agent of a mesh left something. */
async function settleHosted(parts: Parts): Promise<void> {
  const hosted = await import('./mesh/host-recover.ts');
  await hosted.settleHosted(parts);
}

/** Puts one run in order that is owned and that nobody drives. */
export async function settleRun(parts: Parts, run: string): Promise<void> {
  const journal = parts.paths.flight(run);
  // Read while it is ours: it may have ended since it was listed.
  const row = parts.ledger.run(run);
  if (row === undefined) return Flight.discard(journal);
  const begun = inFlight(parts.paths, run, attemptsOf(parts.ledger, run));
  const receipts = begun.length === 0 ? [] : await issueFor(parts, run, begun);
  const state = row.state === 'running' ? 'interrupted' : row.state;
  // `docket cancel` holds no lock: what it says meanwhile stays.
  if (state !== row.state || receipts?.length) await parts.ledger.commit([...(receipts ?? []), ended(parts, row, state)]);
  if (receipts !== undefined) Flight.discard(journal);
}

function ended(parts: Parts, { run, finished, state: old }: RunRow, state: RunRow['state']): Change {
  return { kind: 'run-update', run, state, from: [old], finished: finished ?? parts.clock.now() };
}

/** Loaded only here: the commands that find nothing to recover, nearly all, start without what a receipt takes. */
async function issueFor(parts: Parts, run: string, begun: readonly Started[]): Promise<Change[] | undefined> {
  const { crashReceipts } = await import('./crash-receipts.ts');
  return await crashReceipts(parts, run, begun);
}
