import { isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import type { Store } from '../../store/store.ts';
import { follow } from '../../store/unixfs/path.ts';
import { MOST_BLOCK } from '../../store/unixfs/rebuild.ts';
import * as Resource from '../../workflow/resource.ts';
import type { ResourceShelf, ResourceSource } from './shelf.ts';

/** What a resource names, without asking anybody: undefined if it names none, or if a directory on the way is not here. Throws `RESOURCE_INVALID`, `WORKFLOW_INVALID`. */
export async function leadHere(store: Pick<Store, 'read'>, rsc: string): Promise<Cid.CID | undefined> {
  const below = Resource.below(rsc);
  if (below === undefined) return Resource.cidOf(rsc);
  try {
    const get = (block: Cid.CID): Promise<Uint8Array> => store.read(Cid.fromSha256(block.multihash.digest), { limit: MOST_BLOCK });
    return await follow(below.root, Resource.namesOf(below), { get });
  } catch (error) {
    if (isDocketError(error, 'BLOB_MISSING') || isDocketError(error, 'BLOB_DAMAGED')) return undefined;
    throw error;
  }
}

/** Who gets nothing that is not here. Where a path leads nowhere is said when it is to be fetched. Throws `WORKFLOW_INVALID` for one that cannot be a path. */
export function resourcesHere(shelf: ResourceShelf): ResourceSource {
  const lead = async (rsc: string): Promise<Cid.CID | undefined> => {
    try {
      return await leadHere(shelf.store, rsc);
    } catch (error) {
      if (isDocketError(error, 'RESOURCE_INVALID')) return undefined;
      throw error;
    }
  };
  return {
    lead,
    async get(rsc) {
      const cid = await lead(rsc);
      return cid === undefined ? undefined : await blobHere(shelf, cid);
    },
    bring: async () => {},
  };
}

/** The blob or tree that a CID stands for, if it is here. */
export async function blobHere({ store, find }: ResourceShelf, cid: Cid.CID): Promise<Cid.CID | undefined> {
  const blob = Cid.isUnixFs(cid) ? await find(cid) : Cid.isStored(cid) ? cid : undefined;
  return blob !== undefined && (await store.stat(blob)) !== undefined ? blob : undefined;
}
