import { isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import * as Tree from '../store/tree.ts';
import type { Plan } from '../workflow/model.ts';
import type { Store } from '../store/store.ts';

/** Modules and inputs of a plan that no task makes and that are not in the store; a damaged one is set aside by whoever reads it, and gone then. */
export async function missingInputs({ store }: { readonly store: Store }, plan: Plan): Promise<CID[]> {
  const named = new Map<string, CID>();
  const add = (cid: CID): unknown => Cid.isStored(cid) && named.set(cid.toString(), cid);
  for (const { task, module } of plan.tasks) {
    if (module !== undefined) add(module);
    for (const cid of Cid.links(task.run.input)) add(cid);
  }
  const trees = [...named.values()].filter(Cid.isTree);
  for (const cid of trees) {
    try {
      for (const entry of Object.values(await Tree.read(store, cid, { limit: Number.POSITIVE_INFINITY })))
        if ('cid' in entry) add(entry.cid);
    } catch (error) {
      // Not there or damaged: missed itself.
      if (!isDocketError(error)) throw error;
    }
  }
  return await store.missing([...named.values()]);
}
