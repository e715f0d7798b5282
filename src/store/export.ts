import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { link, lstat, mkdir, open, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mapConcurrent } from '../base/limit-concurrency.ts';
import { makeFolders } from '../base/make-folders.ts';
import { DocketError, systemCode } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { staysInside } from './links.ts';
import type { Store } from './store.ts';
import { isAbandoned, temporaryName } from './temporary-name.ts';
import * as Tree from './tree.ts';

/**
 * Blobs and trees as files of the user's.
 *
 * Invariants
 * 1. A file appears complete under its name or not at all, and replaces another only if told.
 * 2. Nothing is written through a link that lies in the target folder: every folder below it is looked at and must be one.
 * 3. A link is made only if it leads to a place inside the exported folder.
 */

const PARALLEL = 8;
const PREFIX = '.docket-';

export interface ExportOptions {
  /** Whether files and links that exist are replaced. Folders never are. Default false. */
  readonly replace?: boolean;
  readonly signal?: AbortSignal;
}

/** Writes a blob to `path`, whose folder must exist. `OUTPUT_UNWRITABLE`, and what `Store.get` throws. */
export async function exportBlob(
  store: Store,
  cid: CID,
  path: string,
  options: ExportOptions & { readonly executable?: boolean } = {},
): Promise<void> {
  clearAbandoned(dirname(path));
  await writeFile(store, cid, path, options.executable ?? false, options);
}

/** Writes a tree into `dir`, which is made if it does not exist. `OUTPUT_UNWRITABLE`, `TREE_INVALID`, and what `Store.get` throws. */
export async function exportTree(store: Store, cid: CID, dir: string, options: ExportOptions = {}): Promise<void> {
  const tree = await Tree.read(store, cid);
  const entries = Object.entries(tree);
  for (const [path, entry] of entries) {
    if ('link' in entry && !staysInside(tree, path)) throw leadsOut(cid, join(dir, path), entry.link);
    // Before anything is written, so that a clash leaves no half of the tree behind.
    if (options.replace !== true && !('directory' in entry) && exists(join(dir, path))) throw unwritable(join(dir, path), 'it exists');
  }
  await attempt(dir, async () => makeFolders(dir));
  const folders = new Folders(dir);
  await mapConcurrent(entries, PARALLEL, async ([path, entry]) => {
    options.signal?.throwIfAborted();
    if ('directory' in entry) return folders.make(path);
    await folders.make(path.includes('/') ? dirname(path) : '');
    const target = join(dir, path);
    if ('link' in entry) await appear(target, options, (temporary) => symlink(entry.link, temporary));
    else await writeFile(store, entry.cid, target, entry.executable, options);
  });
}

/** The folders of one export, each made or checked once. */
class Folders {
  readonly #dir: string;
  readonly #made = new Map<string, Promise<void>>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  make(path: string): Promise<void> {
    let making = this.#made.get(path);
    if (making === undefined) {
      making = this.#make(path);
      this.#made.set(path, making);
    }
    return making;
  }

  async #make(path: string): Promise<void> {
    const whole = join(this.#dir, path);
    if (path !== '') {
      await this.make(path.includes('/') ? dirname(path) : '');
      await attempt(whole, async () => {
        await mkdir(whole).catch((error: unknown) => {
          if (systemCode(error) !== 'EEXIST') throw error;
        });
        if (!(await lstat(whole)).isDirectory()) throw unwritable(whole, 'what lies there is not a folder');
      });
    }
    clearAbandoned(whole);
  }
}

async function writeFile(store: Store, cid: CID, path: string, executable: boolean, options: ExportOptions): Promise<void> {
  await appear(path, options, async (temporary) => {
    await using file = await open(temporary, 'wx', executable ? 0o777 : 0o666);
    for await (const chunk of store.get(cid, options.signal === undefined ? {} : { signal: options.signal })) {
      for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten;
    }
  });
}

/** Lets `make` make something under a temporary name, then gives it its own. */
async function appear(path: string, { replace }: ExportOptions, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), PREFIX + temporaryName());
  await attempt(path, async () => {
    try {
      await make(temporary);
      if (replace === true) await rename(temporary, path);
      else await appearNew(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  });
}

/** A second name fails where the first exists; rename would replace it. */
async function appearNew(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (exists(path)) throw unwritable(path, 'it exists');
    // File systems without hard links: FAT, some shared folders of virtual machines.
    const unlinkable = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(systemCode(error) ?? '');
    if (!unlinkable) throw error;
    await rename(temporary, path);
  }
}

/** What an export that was killed left in this folder. */
function clearAbandoned(folder: string): void {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.startsWith(PREFIX));
  } catch {
    // Writing to it will say why.
    return;
  }
  for (const name of names) {
    const path = join(folder, name);
    const modified = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (modified !== undefined && isAbandoned(name.slice(PREFIX.length), modified, Date.now())) rmSync(path, { force: true });
  }
}

function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = systemCode(error);
    if (error instanceof DocketError || code === undefined || typeof (error as { syscall?: unknown }).syscall !== 'string') throw error;
    throw unwritable(path, code, error);
  }
}

function leadsOut(tree: CID, path: string, target: string): DocketError {
  return new DocketError('OUTPUT_UNWRITABLE', `cannot write ${path}: the link leads out of the folder, to ${target}`, {
    next: `Nothing was written. \`docket store ls ${tree}\` lists the files, \`docket store get CID PATH\` takes one of them out.`,
    details: { path, target },
  });
}

function unwritable(path: string, why: string, cause?: unknown): DocketError {
  return new DocketError('OUTPUT_UNWRITABLE', `cannot write ${path}: ${why}`, {
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}
