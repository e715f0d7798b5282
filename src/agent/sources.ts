import { dirname, resolve } from 'node:path';
import type { CID } from '../ipld/cid.ts';
import { globFiles } from '../store/glob.ts';
import { importFile, importFolder } from '../store/import.ts';
import type { StatIndex } from '../store/stat-index.ts';
import type { Store } from '../store/store.ts';
import type { Sources } from '../workflow/sources.ts';

/** What a workflow file can name on this machine, imported into the store. Relative paths start at the folder of the file. */
export function localSources(file: string, store: Store, statIndex: StatIndex, signal?: AbortSignal): Sources {
  const root = dirname(resolve(file));
  const options = { statIndex, ...(signal === undefined ? {} : { signal }) };
  return {
    file: (path) => importFile(store, resolve(root, path), options),
    directory: async (path, patterns): Promise<CID> => (await importFolder(store, resolve(root, path), { ...options, ...patterns })).cid,
    glob: (pattern) => globFiles(root, pattern),
    blob: async (bytes) => (await store.put(bytes)).cid,
  };
}
