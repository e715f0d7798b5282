import { dirname, resolve } from 'node:path';
import { type Deferred, deferred } from '../base/deferred.ts';
import type { CID } from '../ipld/cid.ts';
import { globBase, globFiles } from '../store/glob.ts';
import { type ImportedFile, importFile, importFiles, importFolder } from '../store/import.ts';
import type { Store } from '../store/store.ts';
import * as Resource from '../workflow/resource.ts';
import type { Sources } from '../workflow/sources.ts';
import type { Importer } from './importer.ts';
import { Reach } from './reach.ts';
import type { ResourceSource } from './resources/shelf.ts';

interface LocalSourcesOptions {
  /**
   * Files and folders that may be read beside the folder of the workflow file; patterns stand for the folder they start in. Relative to the
   * folder of the workflow file. Modules may lie anywhere: they are run, and never shown to a task.
   */
  readonly reach?: readonly string[];
  readonly signal?: AbortSignal;
  /** Fetches modules that are not here. Default: nothing is fetched. */
  readonly resources?: ResourceSource | undefined;
  /** Told how many files were imported so far. */
  readonly onImport?: (files: number) => void;
}

/** What a workflow file can name on this machine, imported into the store. Relative paths start at the folder of the file. */
export function localSources(
  file: string,
  importer: Importer,
  { reach = [], signal, resources, onImport = () => {} }: LocalSourcesOptions = {},
): Sources {
  const { store, statIndex } = importer;
  const root = dirname(resolve(file));
  let reached: Promise<Reach> | undefined;
  const within = async (path: string): Promise<string> => (await (reached ??= reachOf(root, reach))).resolve(root, path);
  const options = { ...(statIndex === undefined ? {} : { statIndex }), ...(signal === undefined ? {} : { signal }) };
  const batch = new ImportBatch(store, options, onImport);
  return {
    async module(module) {
      const url = typeof module !== 'string' ? `ipfs://${module}` : Resource.isLocal(module) ? undefined : module;
      if (url !== undefined) return await remoteModule(url, `module ${module}`, importer, resources);
      const path = resolve(root, module as string);
      const { cid } = await batch.add(path);
      await importer.checkModule(cid, `module ${module}`, path);
      return cid;
    },
    file: async (path) => await batch.add(await within(path)),
    directory: async (path, patterns): Promise<CID> => (await importFolder(store, await within(path), { ...options, ...patterns })).cid,
    async glob(pattern) {
      await within(await globBase(pattern));
      return await globFiles(root, pattern);
    },
    async named(cid) {
      await resources?.bring(cid);
    },
    blob: async (bytes) => (await store.put(bytes)).cid,
  };
}

/** A module that is named by a CID or a URL. Without `resources` the workflow is only looked at, whether it could be run or not. */
export async function remoteModule(
  url: string,
  name: string,
  { checkModule }: Pick<Importer, 'checkModule'>,
  resources: ResourceSource | undefined,
): Promise<CID | undefined> {
  if (resources !== undefined) Resource.checkObtainable(url);
  const named = resources === undefined ? Resource.cidOf(url) : await resources.lead(url);
  const cid = (await resources?.get(url)) ?? named;
  if (cid !== undefined) await checkModule(cid, name);
  return named ?? cid;
}

async function reachOf(root: string, paths: readonly string[]): Promise<Reach> {
  return new Reach([root, ...(await Promise.all(paths.map(async (path) => resolve(root, await globBase(path)))))]);
}

/** Files asked for in one turn of the event loop are imported together: one look into the stat index, one write to the ledger for all. */
class ImportBatch {
  readonly #store: Store;
  readonly #options: Parameters<typeof importFiles>[2];
  readonly #onImport: (files: number) => void;
  #waiting: { readonly path: string; readonly done: Deferred<ImportedFile> }[] = [];
  #imported = 0;

  constructor(store: Store, options: Parameters<typeof importFiles>[2], onImport: (files: number) => void) {
    this.#store = store;
    this.#options = options;
    this.#onImport = onImport;
  }

  add(path: string): Promise<ImportedFile> {
    if (this.#waiting.length === 0) setImmediate(() => void this.#flush());
    const done = deferred<ImportedFile>();
    this.#waiting.push({ path, done });
    return done.promise;
  }

  async #flush(): Promise<void> {
    const files = this.#waiting;
    this.#waiting = [];
    try {
      const imported = await importFiles(
        this.#store,
        files.map(({ path }) => path),
        this.#options,
      );
      files.forEach(({ done }, i) => done.resolve(imported[i]!));
    } catch (error) {
      // One bad file fails the batch; each is tried alone so that the error reaches who asked for that file.
      if (files.length === 1) return files[0]!.done.reject(error);
      for (const { path, done } of files) done.resolve(importFile(this.#store, path, this.#options));
    }
    this.#onImport((this.#imported += files.length));
  }
}
