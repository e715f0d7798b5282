import type { Clock } from '../base/clock.ts';
import { DocketError } from '../errors.ts';
import type { Key } from '../ipld/identity.ts';
import type { Change } from '../ledger/change.ts';
import { Flight, type Started } from '../ledger/flight.ts';
import { type Paths, runsUnderWay } from '../ledger/home.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { Lock } from '../ledger/locks.ts';
import type { RunRow } from '../ledger/runs.ts';
import { sweepMarks } from '../ledger/slots.ts';
import { failureMap } from '../receipt/out.ts';
import type { Outcome } from '../receipt/outcome.ts';
import { OPS } from '../runner/ops.ts';
import { Filing } from '../scheduler/filing.ts';
import { Lookup } from '../scheduler/lookup.ts';
import { Policies } from '../scheduler/policies.ts';
import { FAILED } from '../scheduler/state.ts';
import type { Store } from '../store/store.ts';
import { planOf } from './plan-of.ts';
import { VERSION } from './version.ts';

/**
 * Puts in order what killed coordinators left: the tasks they had with a runner get crash receipts, none lost and none invented, and their runs
 * count as interrupted until they are resumed.
 *
 * Invariants
 * R1. Only who holds a run's lock writes about the run. One whose lock is held has a coordinator that lives, and is left alone.
 * R2. Attempts of a task are numbered through all drives of its run, and the receipt of an attempt is committed together with the task's row, which
 *     holds its number. So in flight were the attempts that stand in the journal with a higher number than in the row, and no others: whichever drive
 *     settled the task, whether a retry was resting, and however often it is asked.
 * R3. Crash receipts, rows and the run's state are one commit, and the journal goes after it. Who is killed in between finds nothing more in flight.
 * R4. A journal goes only when its attempts have their receipts. If the run's plan cannot be read the run is interrupted all the same, and the
 *     journal waits for the plan to come back (running the same workflow stores it anew).
 */

const ALL = 1_000_000;

/** The parts of an engine that are there when it opens. */
interface Parts {
  readonly paths: Paths;
  readonly key: Key;
  readonly ledger: Ledger;
  readonly store: Pick<Store, 'read'>;
  readonly clock: Clock;
}

const CRASH: Extract<Outcome, { tag: 'error' }> = {
  tag: 'error',
  failure: { code: 'lost', message: 'its coordinator ended while the task was with a runner' },
};

export async function recover(parts: Parts): Promise<void> {
  sweepMarks(parts.paths.locks);
  // After a power cut neither lock nor journal may be left, only the row.
  const running = parts.ledger.runs({ state: 'running', limit: ALL }).map(({ run }) => run);
  for (const run of new Set([...runsUnderWay(parts.paths), ...running])) {
    using lock = Lock.tryAcquire(parts.paths.runLock(run));
    if (lock === undefined) continue;
    await settle(parts, run);
    lock.remove();
  }
}

async function settle(parts: Parts, run: string): Promise<void> {
  const journal = parts.paths.flight(run);
  // Read under the lock: it may have ended since it was listed.
  const row = parts.ledger.run(run);
  if (row === undefined) return Flight.discard(journal);
  const begun = inFlight(parts, run, Flight.read(journal));
  const receipts = begun.length === 0 ? [] : await crashReceipts(parts, run, begun);
  const state = row.state === 'running' ? 'interrupted' : row.state;
  if (state !== row.state || receipts?.length) await parts.ledger.commit([...(receipts ?? []), ended(parts, row, state)]);
  if (receipts !== undefined) Flight.discard(journal);
}

function ended(parts: Parts, { run, finished }: RunRow, state: RunRow['state']): Change {
  return { kind: 'run-update', run, state, finished: finished ?? parts.clock.now() };
}

/** The attempts begun that have no receipt, each once, in order. */
function inFlight(parts: Parts, run: string, begun: readonly Started[]): Started[] {
  const known = new Map<number, number>();
  return begun.filter(({ index, attempt }) => {
    const last = known.get(index) ?? parts.ledger.runTask(run, index)?.attempts ?? 0;
    known.set(index, Math.max(last, attempt));
    return attempt > last;
  });
}

/** Undefined if the plan cannot be read. */
async function crashReceipts(parts: Parts, run: string, begun: readonly Started[]): Promise<Change[] | undefined> {
  const plan = await planOf(parts, run).catch((error: unknown) => {
    if (error instanceof DocketError) return undefined;
    throw error;
  });
  if (plan === undefined) return undefined;
  const policies = new Policies(plan, (op) => OPS[op]?.semantics ?? 0);
  const filing = new Filing(parts.key, new Lookup(plan, policies, parts.ledger, () => false), VERSION);
  return begun.flatMap(({ index, attempt }) => {
    const task = plan.tasks[index];
    if (task === undefined) return [];
    const usage = { wall: 0, cpu: 0, memory: 0, output: 0 };
    const policy = policies.of(index);
    const { receipt, changes } = filing.issue({ index, task, policy, outcome: CRASH, usage, started: parts.clock.now(), attempt, key: undefined });
    const result = { status: FAILED, value: failureMap(CRASH.failure), via: 'ran' } as const;
    return [...changes, filing.row(run, index, task, result, { receipt, key: null, attempts: attempt })];
  });
}
