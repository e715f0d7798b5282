import { DocketError, isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { OPS } from '../runner/ops.ts';
import { checkTask } from '../workflow/check-task.ts';
import type { Plan } from '../workflow/model.ts';
import * as Resource from '../workflow/resource.ts';
import { PLAN_BOUNDS, type PlanBounds, refuseLarge, tooLarge, TRUSTED_PLAN_BOUNDS } from '../workflow/plan-size.ts';
import { decodePlan } from '../workflow/stored-plan.ts';
import type { Engine } from './engine.ts';
import { checkModule } from './module-check.ts';
import { standsFor } from './resources/shelf.ts';

/**
 * A plan that somebody else compiled. CIDs and edges are made anew from its tasks; what a compiler would have refused is refused here: unknown ops, limits that
 * cannot be enforced, inputs of the wrong form, labels that name two tasks, a module that is not the one its task is named for. What its `workflow` is called
 * is the sender's word, and names nothing here but the run.
 *
 * `isTrusted`: whether it may be as large as a plan can be. Throws `BLOB_MISSING`, `WORKFLOW_INVALID`, `WORKFLOW_TOO_LARGE`, `OP_UNKNOWN`, `LIMIT_REFUSED`, `MODULE_INVALID`.
 */
export async function readPlan(engine: Engine, cid: CID, { isTrusted }: { readonly isTrusted: boolean }): Promise<Plan> {
  const bounds = isTrusted ? TRUSTED_PLAN_BOUNDS : PLAN_BOUNDS;
  const plan = decode(await bytesOf(engine, cid, bounds.bytes), bounds);
  const labels = new Set<string>();
  const modules = new Map<string, CID>();
  for (const { task, module, label, aliases = [] } of plan.tasks) {
    for (const name of [label, ...aliases]) {
      if (labels.has(name)) throw invalid(`two tasks are called "${name}"`);
      labels.add(name);
    }
    checkTask(task, Object.keys(OPS));
    // What a file was, or gave a URL that does not say what, is the sender's word; everything else says by itself which module it is, or has none.
    const { rsc } = task.run;
    const isWord = Resource.isLocal(rsc) || (Resource.isWeb(rsc) && Resource.cidOf(rsc) === undefined);
    if (!isWord && String(module) !== String(Resource.cidOf(rsc)))
      throw invalid(`task ${label} names ${rsc}, but would run another module`);
    if (module !== undefined) modules.set(module.toString(), module);
  }
  for (const module of modules.values()) await checkModule(engine, standsFor(engine, module), `module ${module}`);
  return plan;
}

async function bytesOf(engine: Engine, cid: CID, limit: number): Promise<Uint8Array> {
  try {
    return await engine.store.read(cid, { limit });
  } catch (error) {
    if (isDocketError(error, 'BLOB_TOO_LARGE')) throw tooLarge(`it has more than ${limit} bytes`);
    throw error;
  }
}

function decode(bytes: Uint8Array, bounds: PlanBounds): Plan {
  try {
    refuseLarge(bytes, bounds);
    return decodePlan(bytes);
  } catch (error) {
    if (isDocketError(error, 'IPLD_INVALID')) throw invalid(`it is no plan: ${error.message}`);
    throw error;
  }
}

function invalid(message: string): DocketError {
  return new DocketError('WORKFLOW_INVALID', `the plan cannot be run: ${message}`, { next: 'Compile the workflow again.' });
}
