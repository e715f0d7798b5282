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
import { leadHere } from './resources/here.ts';
import { standsFor } from './resources/shelf.ts';

/**
 * A plan that somebody else compiled. CIDs and edges are made anew from its tasks; what a compiler would have refused is refused here: unknown ops, limits that
 * cannot be enforced, inputs of the wrong form, labels that name two tasks, a module that is not the one its task is named for. What its `workflow` is called
 * is the sender's word, and names nothing here but the run.
 *
 * `isTrusted`: whether it may be as large as a plan can be, and say what a URL gave. Throws `BLOB_MISSING`, `WORKFLOW_INVALID`, `WORKFLOW_TOO_LARGE`, `OP_UNKNOWN`, `LIMIT_REFUSED`, `MODULE_INVALID`.
 */
export async function readPlan(engine: Engine, cid: CID, { isTrusted }: { readonly isTrusted: boolean }): Promise<Plan> {
  const bounds = isTrusted ? TRUSTED_PLAN_BOUNDS : PLAN_BOUNDS;
  const plan = decode(await bytesOf(engine, cid, bounds.bytes), bounds);
  const labels = new Set<string>();
  const modules = new Map<string, CID>();
  const named = new Map<string, CID | undefined>();
  for (const { task, module, label, aliases = [] } of plan.tasks) {
    for (const name of [label, ...aliases]) {
      if (labels.has(name)) throw invalid(`two tasks are called "${name}"`);
      labels.add(name);
    }
    checkTask(task, Object.keys(OPS));
    // What a file was is the sender's word; everything else says by itself which module it is, or has none. What a URL gave that does not say what, only the
    // owner is believed: others, who await the instruction, would take a stranger's module for that of the URL's host.
    const { rsc } = task.run;
    const isWord = Resource.isLocal(rsc) || (isTrusted && Resource.isWeb(rsc) && !Resource.isFixed(rsc));
    if (!isWord && module !== undefined && !named.has(rsc)) named.set(rsc, await leadOf(engine, rsc));
    if (!isWord && String(module) !== String(module === undefined ? Resource.cidOf(rsc) : named.get(rsc)))
      throw invalid(`task ${label} names ${rsc}, but would run another module`, Resource.isWeb(rsc) ? BY_URL : undefined);
    if (module !== undefined) modules.set(module.toString(), module);
  }
  for (const module of modules.values()) await checkModule(engine, standsFor(engine, module), `module ${module}`);
  return plan;
}

/** What a resource names. Of a path in a directory that is what the directory says, whose blocks must be here. */
async function leadOf({ store }: Pick<Engine, 'store'>, rsc: string): Promise<CID | undefined> {
  const cid = await leadHere(store, rsc).catch((error: unknown) => {
    if (isDocketError(error, 'RESOURCE_INVALID')) throw invalid(error.message);
    throw error;
  });
  if (cid !== undefined || Resource.below(rsc) === undefined) return cid;
  throw invalid(`a directory on the way to ${rsc} is not here`, 'Send the blocks of its directories first, or the workflow itself.');
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

const BY_URL = 'Give the URL an integrity, or send the workflow itself, so that the agent fetches it.';

function invalid(message: string, next = 'Compile the workflow again.'): DocketError {
  return new DocketError('WORKFLOW_INVALID', `the plan cannot be run: ${message}`, { next });
}
