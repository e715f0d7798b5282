import { isDocketError } from '../errors.ts';
import type { JobEnd } from '../protocol/services.ts';
import { Lookup } from '../scheduler/lookup.ts';
import { policiesOf } from './policies-of.ts';
import { OK } from '../scheduler/state.ts';
import type { Ipld } from '../ipld/value.ts';
import type { Plan } from '../workflow/model.ts';
import { blobsHere } from './blobs-of.ts';
import type { Engine } from './engine.ts';
import { keepPlan } from './keep-plan.ts';
import { readReceipt } from './read-receipt.ts';
import { newRunId } from './run-id.ts';
import { trustedMemo } from './trust/trusted-memo.ts';

/**
 * The result of a job that was run before, filed as a run of its own in one commit; undefined if it has to be run. What is found needs no coordinator: nothing
 * of it is ever in flight, so there is nothing to lock, to journal or to claim, which would be ten times the work.
 */
export async function findJob(engine: Engine, plan: Plan): Promise<Omit<JobEnd, 'extensions'> | undefined> {
  const [hit] = new Lookup(plan, policiesOf(engine, plan), trustedMemo(engine.ledger), () => false).byDeclared([0]);
  if (hit === undefined || hit.status !== OK || !isWhole(engine, hit.value)) return undefined;
  const read = readReceipt(engine, hit.receipt);
  if (read === undefined) return undefined;
  const run = newRunId(engine);
  const now = engine.clock.now();
  const { label, instruction } = plan.tasks[0]!;
  const kept = await keepPlan(engine, plan);
  const counts = { total: 1, ran: 0, cached: 1, failed: 0, skipped: 0, cancelled: 0 };
  await engine.ledger.commit([
    ...kept.changes,
    { kind: 'run', run, name: plan.name, workflow: plan.workflow, plan: kept.plan, options: { job: true }, tasks: 1, created: now },
    {
      kind: 'run-task',
      run,
      index: 0,
      label,
      instruction,
      state: 'ok',
      via: 'declared',
      receipt: hit.receipt,
      key: read.receipt.meta.key ?? null,
      attempts: 0,
      cause: null,
    },
    { kind: 'run-update', run, state: 'completed', finished: now, counts, outputs: { [label]: hit.value } },
  ]);
  return { run, receipt: hit.receipt, isCached: true, outcome: read.outcome };
}

/** Everything it names is here; what is damaged is found when it is read, and made again then. */
function isWhole(engine: Engine, value: Ipld): boolean {
  try {
    return blobsHere(engine).firstMissing(value) === undefined;
  } catch (error) {
    if (isDocketError(error)) return false;
    throw error;
  }
}
