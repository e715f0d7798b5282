import { mapConcurrent } from '../../../base/limit-concurrency.ts';
import { DocketError, isDocketError } from '../../../errors.ts';
import * as Cid from '../../../ipld/cid.ts';
import type { Mesh } from '../../../mesh/mesh.ts';
import type { Plan } from '../../../workflow/model.ts';
import { inputsOf } from '../../missing-inputs.ts';
import type { ResourceShelf } from '../../resources/shelf.ts';
import { objectOf } from '../mesh-finder.ts';
import { MeshObjects, type ObjectsOptions } from '../objects.ts';

/** What keeps blobs beyond this member, and has them brought from wherever they are. */
export interface Vault {
  /** Has these not swept as long as the run is known; before they are put. Throws `MESH_…`. */
  pin(run: string, cids: readonly Cid.CID[], signal: AbortSignal): Promise<void>;
  /** Resolves when it is durable in the mesh; false if it is not here to be put there. Throws `MESH_…`. */
  put(cid: Cid.CID, signal: AbortSignal): Promise<boolean>;
  /** Has it in the store here, verified. Throws `BLOB_MISSING`, `BLOB_UNREACHABLE`, `BLOB_MISMATCH`, `MESH_…`. */
  bring(cid: Cid.CID, signal: AbortSignal): Promise<void>;
}

/** Through the objects of the mesh. What is not among them, since a run was lost before it was secured, or is not what it is called there, `bring` asks everybody for: the member that drove it may be there again. */
export function vaultOf(
  mesh: Pick<Mesh, 'objects' | 'records'>,
  { store, clock, onRefused }: Omit<ObjectsOptions, 'mesh'>,
  bring: (cid: Cid.CID, signal: AbortSignal) => Promise<void>,
): Vault {
  const objects = new MeshObjects({ mesh, store, clock, onRefused });
  return {
    pin: (run, cids, signal) => objects.pin(run, cids, signal),
    put: (cid, signal) => objects.put(cid, signal),
    async bring(cid, signal) {
      if ((await store.missing([cid])).length === 0) return;
      try {
        await store.put(mesh.objects.get(objectOf(cid), signal), { expect: cid, signal });
      } catch (error) {
        // One that is wrong there is as good as none.
        if (!isDocketError(error, 'BLOB_MISSING') && !isDocketError(error, 'BLOB_MISMATCH')) throw error;
        await bring(cid, signal);
      }
    },
  };
}

/** Blobs on their way at a time, of one run. */
const AT_ONCE = 4;

type Shelf = Pick<ResourceShelf, 'store' | 'find'>;

/**
 * Puts a plan and what its tasks need, and no task makes, into the vault. Gives how many blobs are not here, and so could not be; `onProgress` is told how many of
 * how many are done.
 */
export async function secure(
  vault: Vault,
  shelf: Shelf,
  { run, cid, plan }: { readonly run: string; readonly cid: Cid.CID; readonly plan: Plan },
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (done: number, all: number) => void },
): Promise<number> {
  const { named, unknown } = await inputsOf(shelf, plan);
  const all = [cid, ...named];
  let [done, missing] = [0, unknown.length];
  await vault.pin(run, all, signal);
  await mapConcurrent(all, AT_ONCE, async (blob) => {
    if (!(await vault.put(blob, signal))) missing++;
    onProgress(++done, all.length);
  });
  return missing;
}

/**
 * Has what the tasks of a plan need, and no task makes. Of a plan that is secured only what tells of its tasks is brought: modules and trees; the rest, which may be
 * gigabytes that no task will need here, is given back as kept. Throws `BLOB_MISSING`, and as `Vault.bring`.
 */
export async function bringInputs(
  vault: Vault,
  shelf: Shelf,
  { plan, isSecured }: { readonly plan: Plan; readonly isSecured: boolean },
  signal: AbortSignal,
): Promise<readonly Cid.CID[]> {
  const modules = new Set(plan.tasks.flatMap(({ module }) => (module === undefined ? [] : [module.toString()])));
  const isTelling = (cid: Cid.CID): boolean => Cid.isTree(cid) || modules.has(cid.toString());
  const missing = async (): Promise<readonly Cid.CID[]> => {
    const { named, unknown } = await inputsOf(shelf, plan);
    const [first] = unknown;
    if (first !== undefined) throw new DocketError('BLOB_MISSING', `nobody who is left knows which blob ${first} stands for`);
    return await shelf.store.missing(named);
  };
  const bring = async (cids: readonly Cid.CID[]): Promise<unknown> => await mapConcurrent(cids, AT_ONCE, (cid) => vault.bring(cid, signal));
  const before = await missing();
  const telling = before.filter(isTelling);
  await bring(telling);
  // What trees name is known now that they are here.
  const rest = telling.length === 0 ? before : await missing();
  if (isSecured) return rest;
  await bring(rest);
  return [];
}
