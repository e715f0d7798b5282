import type { Clock } from '../base/clock.ts';
import { DocketError } from '../errors.ts';
import type { Key } from '../ipld/identity.ts';
import type { Change } from '../ledger/change.ts';
import type { Started } from '../ledger/flight.ts';
import type { Paths } from '../ledger/home.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { RunLocks } from '../ledger/run-locks.ts';
import type { Outcome } from '../receipt/outcome.ts';
import { signAll } from '../scheduler/filed.ts';
import { Filing, RETRYING } from '../scheduler/filing.ts';
import { Lookup } from '../scheduler/lookup.ts';
import { policiesOf } from './policies-of.ts';
import type { Store } from '../store/store.ts';
import { planOf } from './plan-of.ts';
import { VERSION } from './version.ts';

/** The parts of an engine that are there when it opens. */
export interface Parts {
  readonly paths: Paths;
  readonly key: Key;
  readonly ledger: Ledger;
  readonly store: Pick<Store, 'read'>;
  readonly clock: Clock;
  readonly runLocks: RunLocks;
}

const CRASH: Extract<Outcome, { tag: 'error' }> = {
  tag: 'error',
  failure: { code: 'lost', message: 'its coordinator ended while the task was with a runner' },
};

/** The receipts and rows of attempts that were with a runner when their coordinator was killed; undefined if the plan cannot be read. */
export async function crashReceipts(parts: Parts, run: string, begun: readonly Started[]): Promise<Change[] | undefined> {
  const plan = await planOf(parts, run).catch((error: unknown) => {
    if (error instanceof DocketError) return undefined;
    throw error;
  });
  if (plan === undefined) return undefined;
  const policies = policiesOf(parts, plan);
  const filing = new Filing(parts.key.did, new Lookup(plan, policies, parts.ledger, () => false), VERSION);
  const filed = begun.flatMap(({ index, attempt }) => {
    const task = plan.tasks[index];
    if (task === undefined) return [];
    const usage = { wall: 0, cpu: 0, memory: 0, output: 0 };
    const policy = policies.of(index);
    const { receipt, changes } = filing.issue({
      index,
      task,
      policy,
      outcome: CRASH,
      usage,
      started: parts.clock.now(),
      attempt,
      key: undefined,
    });
    return [...changes, filing.standing(run, index, task, { ...RETRYING, receipt, key: null, attempts: attempt })];
  });
  return signAll(filed, parts.key);
}
