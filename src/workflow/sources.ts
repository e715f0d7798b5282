import { mapConcurrent } from '../base/limit-concurrency.ts';
import { DocketError, type ErrorCode, isDocketError, type Place } from '../errors.ts';
import { type CID, ofBlob } from '../ipld/cid.ts';
import * as Resource from './resource.ts';

/**
 * What compiling needs of the world; owned here, implemented above. Paths are relative to the workflow file's folder, or absolute.
 * Failures are `DocketError`s that name the path; to those about what is imported the place in the workflow file is added here.
 */
export interface Sources {
  /**
   * Imports a module from a path, or has it brought here by its CID or URL, and looks into it: `MODULE_INVALID` if it could never run. One that is named by a
   * CID and is not to be had is not judged; of a URL without a CID there is none then. `WORKFLOW_INVALID` for a URL by which nothing could be had, where things are.
   */
  module(module: string | CID): Promise<CID | undefined>;
  /** Imports a file into the store. */
  file(path: string): Promise<{ readonly cid: CID; readonly size: number; readonly executable: boolean }>;
  /** Imports a folder; the CID of its tree. Patterns are globs relative to the folder. */
  directory(path: string, options: { readonly include?: readonly string[]; readonly exclude?: readonly string[] }): Promise<CID>;
  /** Paths of the files that match, sorted; `**` spans folders. */
  glob(pattern: string): Promise<readonly string[]>;
  /** Has a blob, a tree or a file brought here that the workflow names by its CID. One for which nobody can be asked is missed by who needs it. Default: nothing is brought. */
  readonly named?: (cid: CID) => Promise<void>;
  /** Stores bytes that are too large to stand inline. */
  blob(bytes: Uint8Array): Promise<CID>;
}

export interface Folder {
  readonly path: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

interface Want {
  readonly load: () => Promise<CID | undefined>;
  readonly place: () => Place;
  cid: CID | undefined;
}

/** Imports in flight at a time: enough for sources that batch what is asked for together, few enough for those that open a file each. */
const CONCURRENCY = 256;

/**
 * Collects what a workflow imports, imports each thing once, then answers synchronously: evaluating a hundred thousand tasks
 * must not await anything. So each file is named twice, first to `want` it, and after `load` to use it.
 */
export class Imports {
  readonly #sources: Sources;
  readonly #modules = new Map<string, Want>();
  readonly #files = new Map<string, Want>();
  readonly #folders = new Map<string, Want>();
  readonly #named = new Map<string, Want>();
  readonly #large = new Map<string, Uint8Array>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** By path, URL or CID. */
  wantModule(module: string | CID, place: () => Place): void {
    const key = typeof module === 'string' ? module : `ipfs://${module}`;
    if (this.#modules.has(key)) return;
    this.#modules.set(key, { load: () => this.#sources.module(module), place, cid: undefined });
  }

  wantFile(path: string, place: () => Place): void {
    if (this.#files.has(path)) return;
    this.#files.set(path, { load: async () => (await this.#sources.file(path)).cid, place, cid: undefined });
  }

  /** A blob, a tree or a file of IPFS that an input names. */
  wantNamed(cid: CID, place: () => Place): void {
    const { named } = this.#sources;
    const key = cid.toString();
    if (named === undefined || this.#named.has(key)) return;
    const load = async (): Promise<CID> => {
      await named(cid);
      return cid;
    };
    this.#named.set(key, { load, place, cid: undefined });
  }

  wantFolder(folder: Folder, place: () => Place): void {
    const key = keyOf(folder);
    if (this.#folders.has(key)) return;
    const { path, ...options } = folder;
    this.#folders.set(key, { load: () => this.#sources.directory(path, options), place, cid: undefined });
  }

  /** Imports everything wanted; a failure carries the place that asked first. */
  async load(): Promise<void> {
    await mapConcurrent(
      [...this.#modules.values(), ...this.#files.values(), ...this.#folders.values(), ...this.#named.values()],
      CONCURRENCY,
      async (want) => {
        try {
          want.cid = await want.load();
        } catch (error) {
          throw withPlace(error, want.place());
        }
      },
    );
  }

  /** Of a path there always is one. */
  module(written: string): CID | undefined {
    const want = this.#modules.get(written) ?? neverWanted(written);
    return want.cid ?? (Resource.isLocal(written) ? neverWanted(written) : undefined);
  }

  file(path: string): CID {
    return this.#files.get(path)?.cid ?? neverWanted(path);
  }

  folder(folder: Folder): CID {
    return this.#folders.get(keyOf(folder))?.cid ?? neverWanted(folder.path);
  }

  /** Takes bytes that are too large to stand inline; they lie in the store after `storeLarge`. */
  keepLarge(bytes: Uint8Array): CID {
    const cid = ofBlob(bytes);
    this.#large.set(cid.toString(), bytes);
    return cid;
  }

  async storeLarge(): Promise<void> {
    await mapConcurrent([...this.#large.values()], CONCURRENCY, (bytes) => this.#sources.blob(bytes));
  }
}

/** What is wrong with the very thing the workflow names. Of other trouble, as a full disk, its line in the file is not the place. */
const ABOUT_INPUTS: ReadonlySet<ErrorCode> = new Set([
  'INPUT_CHANGED',
  'INPUT_ESCAPES',
  'INPUT_UNREADABLE',
  'MODULE_INVALID',
  'TREE_INVALID',
  'CID_INVALID',
  'BLOB_DAMAGED',
  'BLOB_MISSING',
  'BLOB_TOO_LARGE',
  'RESOURCE_INVALID',
  'RESOURCE_REFUSED',
  'RESOURCE_UNREACHABLE',
  'WORKFLOW_INVALID',
]);

/** An error about an input with the place in the workflow file that asked for it, unless it has one. Other errors as they are. */
export function withPlace(error: unknown, place: Place): unknown {
  if (!isDocketError(error) || error.place !== undefined || !ABOUT_INPUTS.has(error.code)) return error;
  return new DocketError(error.code, error.message, { cause: error, place, next: error.next, details: error.details });
}

function keyOf({ path, include, exclude }: Folder): string {
  return JSON.stringify([path, include ?? null, exclude ?? null]);
}

function neverWanted(path: string): never {
  throw new DocketError('INTERNAL', `"${path}" is used but was never imported`);
}
