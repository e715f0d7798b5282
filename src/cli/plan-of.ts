import { DocketError } from '../errors.ts';
import type { RunView } from '../protocol/records.ts';
import type { Plan } from '../workflow/model.ts';
import { decodePlan } from '../workflow/stored-plan.ts';
import type { Desk } from './desk.ts';

/** The plan a run was started with. Throws `RUN_UNKNOWN`, `BLOB_MISSING`, `BLOB_DAMAGED`. */
export async function planOf({ store }: Pick<Desk, 'store'>, { run, plan }: RunView): Promise<Plan> {
  if (plan === null) throw new DocketError('RUN_UNKNOWN', `there is no run ${run} that can be resumed`);
  return decodePlan(await store.read(plan, { limit: Number.POSITIVE_INFINITY }));
}
