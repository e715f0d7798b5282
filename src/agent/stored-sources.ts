import { DocketError } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import { parseReference } from '../manifest/reference.ts';
import type { PeerService } from '../protocol/peers.ts';
import * as Resource from '../workflow/resource.ts';
import type { Sources } from '../workflow/sources.ts';
import type { Engine } from './engine.ts';
import { checkModule } from './module-check.ts';
import * as Modules from './named-modules.ts';
import { bringIfAnywhere } from './peers/bring-inputs.ts';
import { resourcesHere } from './resources/here.ts';
import { shelfOf } from './resources/shelf.ts';
import { remoteModule } from './sources.ts';

/**
 * What a workflow that was sent to an agent may name: blobs and trees of the store or of a peer as `ipfs://CID`, named modules, and URLs; what is not here is
 * fetched when there is a run. No path of this machine: whoever sent it is elsewhere.
 */
export function storedSources(engine: Engine, peers: PeerService, signal: AbortSignal): Sources {
  const store = peers.store(0);
  const resources = resourcesHere(shelfOf(engine));
  const named = async (reference: string): Promise<Cid.CID> => {
    await peers.bringModule(reference, { hops: 0, signal });
    return Modules.find(engine, parseReference(reference)).module;
  };
  return {
    async module(module) {
      const url = typeof module !== 'string' ? `ipfs://${module}` : Resource.isLocal(module) ? undefined : module;
      if (typeof module === 'string' && /^file:/i.test(module)) throw noFile(module);
      const name = `module ${module}`;
      if (url !== undefined)
        return await remoteModule(url, name, { checkModule: async (found) => void (await checkModule(engine, found, name)) }, resources);
      const cid = await named(module as string);
      await bringIfAnywhere(peers, cid, signal);
      await checkModule(engine, cid, name);
      return cid;
    },
    async file(path) {
      const cid = blobIn(path);
      if (cid === undefined || Cid.isTree(cid)) throw noFile(path);
      const found = await store.stat(cid);
      if (found === undefined) throw new DocketError('BLOB_MISSING', `${cid} is not in the store`);
      return { cid, size: found.size, executable: false };
    },
    async directory(path, { include, exclude }) {
      const cid = blobIn(path);
      if (cid === undefined || !Cid.isTree(cid) || include !== undefined || exclude !== undefined) throw noFile(path);
      if ((await store.stat(cid)) === undefined) throw new DocketError('BLOB_MISSING', `${cid} is not in the store`);
      return cid;
    },
    glob: (pattern) => Promise.reject(noFile(pattern)),
    blob: async (bytes) => (await store.put(bytes)).cid,
  };
}

function blobIn(path: string): Cid.CID | undefined {
  const [, text] = /^ipfs:\/\/([a-zA-Z0-9]+)$/.exec(path) ?? [];
  const cid = text === undefined ? undefined : Cid.parse(text);
  return cid !== undefined && Cid.isStored(cid) ? cid : undefined;
}

function noFile(path: string): DocketError {
  return new DocketError('INPUT_ESCAPES', `a workflow that is sent to an agent cannot name the file ${path}`, {
    next: 'Store it there first (PUT /v1/blobs/CID) and name it as ipfs://CID.',
  });
}
