import type { CID } from '../ipld/cid.ts';
import type { StatIndex } from '../store/stat-index.ts';
import type { Store } from '../store/store.ts';
import type { Engine } from './engine.ts';
import { checkModule } from './module-check.ts';
import { shelfOf } from './resources/shelf.ts';
import type { ResourceShelf } from './resources/shelf.ts';
import { statIndexOf } from './stat-index.ts';

/** Where files of this machine, and what is fetched, are put. */
export interface Importer {
  readonly store: Store;
  /** What is known of files read before. */
  readonly statIndex?: StatIndex | undefined;
  /** Throws `MODULE_INVALID`, which calls the module `name`. `path` is where it came from, if that is a file of this machine. */
  readonly checkModule: (cid: CID, name: string, path?: string) => Promise<void>;
  readonly shelf: ResourceShelf;
}

/** Into the store of a home. */
export function importerOf(engine: Engine): Importer {
  return {
    store: engine.store,
    statIndex: statIndexOf(engine),
    checkModule: async (cid, name) => void (await checkModule(engine, cid, name)),
    shelf: shelfOf(engine),
  };
}
