import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Store } from '../store/store.ts';
import type { Plan } from '../workflow/model.ts';
import { decodePlan } from '../workflow/stored-plan.ts';
import { RememberedPlan } from './remembered-plan.ts';

interface Stored {
  readonly store: Pick<Store, 'read'>;
  readonly plans?: RememberedPlan;
}

/** The plan a run was started with. Throws `RUN_UNKNOWN`, `BLOB_MISSING`, `BLOB_DAMAGED`. */
export async function planOf({ ledger, ...stored }: Stored & { readonly ledger: Pick<Ledger, 'run'> }, run: string): Promise<Plan> {
  return await planIn(stored, { run, plan: ledger.run(run)?.plan ?? null });
}

/** As `planOf`, of a run that was looked up. */
export async function planIn(
  { store, plans = new RememberedPlan() }: Stored,
  { run, plan }: { readonly run: string; readonly plan: CID | null },
): Promise<Plan> {
  if (plan === null) throw new DocketError('RUN_UNKNOWN', `there is no run ${run} that can be resumed`);
  return await plans.get(plan, async () => decodePlan(await store.read(plan, { limit: Number.POSITIVE_INFINITY })));
}
