import { isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import * as Tree from '../store/tree.ts';
import type { Plan } from '../workflow/model.ts';
import type { ResourceShelf } from './resources/shelf.ts';

type Shelf = Pick<ResourceShelf, 'store' | 'find'>;

/** Modules and inputs of a plan that no task makes and that are not in the store; a damaged one is set aside by whoever reads it, and gone then. */
export async function missingInputs(shelf: Shelf, plan: Plan): Promise<CID[]> {
  const { named, unknown } = await inputsOf(shelf, plan);
  return [...(await shelf.store.missing(named)), ...unknown];
}

/** Blobs that a plan needs and no task of it makes, with those in its trees, as far as the trees are here. `unknown`: files by names of IPFS that stand for no blob here. */
export async function inputsOf(
  { store, find }: Shelf,
  plan: Plan,
): Promise<{ readonly named: readonly CID[]; readonly unknown: readonly CID[] }> {
  const named = new Map<string, CID>();
  const files = new Map<string, CID>();
  const add = (cid: CID): unknown =>
    Cid.isStored(cid) ? named.set(cid.toString(), cid) : Cid.isUnixFs(cid) && files.set(cid.toString(), cid);
  for (const { task, module } of plan.tasks) {
    if (module !== undefined) add(module);
    for (const cid of Cid.links(task.run.input)) add(cid);
  }
  // One that nobody knows is missed as what it is called.
  const unknown: CID[] = [];
  for (const file of files.values()) {
    const blob = await find(file);
    if (blob === undefined) unknown.push(file);
    else add(blob);
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
  return { named: [...named.values()], unknown };
}
