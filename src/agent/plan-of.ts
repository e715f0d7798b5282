import { DocketError } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Store } from '../store/store.ts';
import type { Plan } from '../workflow/model.ts';
import { decodePlan } from '../workflow/stored-plan.ts';

interface PlanSource {
  readonly ledger: Pick<Ledger, 'run'>;
  readonly store: Pick<Store, 'read'>;
}

/** The plan a run was started with. Throws `RUN_UNKNOWN`, `BLOB_MISSING`, `BLOB_DAMAGED`. */
export async function planOf({ ledger, store }: PlanSource, run: string): Promise<Plan> {
  const row = ledger.run(run);
  if (row?.plan == null) throw new DocketError('RUN_UNKNOWN', `there is no run ${run} that can be resumed`);
  return decodePlan(await store.read(row.plan, { limit: Number.POSITIVE_INFINITY }));
}
