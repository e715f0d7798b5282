import { mapConcurrent } from '../../base/limit-concurrency.ts';
import { type DocketError, isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import type { FetchedView } from '../../protocol/records.ts';
import type { Failure } from '../../receipt/outcome.ts';
import type { Plan } from '../../workflow/model.ts';
import { withModules } from '../../workflow/plan.ts';
import * as Resource from '../../workflow/resource.ts';
import { missingInputs } from '../missing-inputs.ts';
import type { Waiting } from './errands.ts';
import { nameOf, type Resources } from './resources.ts';
import type { ResourceShelf } from './shelf.ts';

/**
 * What the tasks of a plan need and the store lacks, fetched for its run.
 *
 * Invariants
 * S1. What cannot be had is no failure of the run: each task that needed it fails by the reason, and the others are run.
 * S2. What a URL without a hash gave stays what it is for the run: it is written into the plan. One that has its module by then is not asked again.
 */

export interface Supplied {
  /** With the modules that were found. */
  readonly plan: Plan;
  /** Why a task cannot have what it needs. */
  readonly lacks: (task: number) => Failure | undefined;
  /** What came from elsewhere. */
  readonly fetched: readonly FetchedView[];
}

/** What is to be fetched. */
export interface Shortage {
  /** By the `rsc` of tasks that are without the module it stands for. */
  readonly modules: ReadonlySet<string>;
  /** Inputs, and modules whose CID says where they are. */
  readonly named: readonly Cid.CID[];
}

/** Undefined if everything is here, or where tasks have it from when they need it: `kept`. */
export async function shortageOf(shelf: ResourceShelf, plan: Plan, kept: readonly Cid.CID[] = []): Promise<Shortage | undefined> {
  const missing = new Map((await missingInputs(shelf, plan)).map((cid) => [cid.toString(), cid]));
  for (const cid of kept) missing.delete(cid.toString());
  const modules = new Set<string>();
  const byUrl = new Set<string>();
  for (const { task, module } of plan.tasks) {
    const { rsc } = task.run;
    if (module === undefined) {
      if (Resource.isUrl(rsc)) modules.add(rsc);
    } else if (missing.size > 0 && missing.has(module.toString()) && isAskedAs(rsc)) {
      modules.add(rsc);
      byUrl.add(module.toString());
    }
  }
  const named = [...missing].flatMap(([name, cid]) => (byUrl.has(name) ? [] : [cid]));
  return modules.size + named.length === 0 ? undefined : { modules, named };
}

/** Whether a module that is missing is had by its URL, or only by its CID: what a URL gave that does not say what is not what it gives today. */
function isAskedAs(rsc: string): boolean {
  return Resource.isUrl(rsc) && Resource.isFixed(rsc);
}

/** Throws the reason of the signal, and what is no fault of what is fetched: a full disk, a broken ledger. */
export async function supply(
  resources: Resources,
  plan: Plan,
  { modules, named }: Shortage,
  waiting: Waiting & { readonly onFailure: (resource: string, error: DocketError) => void },
): Promise<Omit<Supplied, 'fetched'>> {
  const found = new Map<string, Cid.CID>();
  const failures = new Map<string, DocketError>();
  const attempt = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      waiting.signal.throwIfAborted();
      if (!isDocketError(error) || !ABOUT_RESOURCES.has(error.code)) throw error;
      failures.set(name, error);
      waiting.onFailure(name, error);
    }
  };
  const byUrl = [...modules].map((rsc) => async (): Promise<void> => {
    await attempt(rsc, async () => {
      const blob = await resources.get(rsc, waiting);
      const module = Resource.isFixed(rsc) ? ((await resources.lead(rsc, waiting)) ?? blob) : blob;
      if (module !== undefined) found.set(rsc, module);
    });
  });
  const byCid = named.map((cid) => (): Promise<void> => attempt(nameOf(cid), () => resources.bring(cid, waiting)));
  await mapConcurrent([...byUrl, ...byCid], ASKED_AT_ONCE, (work) => work());
  return {
    plan: withModules(plan, found),
    lacks(index) {
      const { task, module } = plan.tasks[index]!;
      const links = [...Cid.links(task.run.input)];
      const names = [task.run.rsc, ...(module === undefined ? [] : [nameOf(module)]), ...links.map(nameOf)];
      // Of a tree that is here it can only be a file.
      if (links.some(Cid.isTree)) names.push(...named.map(nameOf));
      const error = names.map((name) => failures.get(name)).find((failure) => failure !== undefined);
      return error && { code: 'unfetched', message: error.message, data: { error: error.code } };
    },
  };
}

/** For one run, so that one which names thousands that never answer keeps no other waiting. */
const ASKED_AT_ONCE = 4;

/** What is wrong with a resource, or with those who may have it. */
const ABOUT_RESOURCES: ReadonlySet<string> = new Set([
  'RESOURCE_UNREACHABLE',
  'RESOURCE_INVALID',
  'RESOURCE_REFUSED',
  'BLOB_TOO_LARGE',
  'BLOB_UNREACHABLE',
  'TREE_INVALID',
  'WORKFLOW_INVALID',
]);
