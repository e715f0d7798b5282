import { lstatSync, readdirSync, readlinkSync, type BigIntStats } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DocketError } from '../errors.ts';
import { inputFailure } from './input-file.ts';

/** Entries looked at between two turns of the loop: about a millisecond. */
const PER_TURN = 256;

export interface FolderFilter {
  /** Globs relative to the folder; only what matches one is taken. Default: everything, dotfiles too. */
  readonly include?: readonly string[];
  /** Globs relative to the folder; what matches one is left out, a folder with all in it, unread. */
  readonly exclude?: readonly string[];
}

export interface FolderContents {
  readonly files: readonly { readonly path: string; readonly stats: BigIntStats }[];
  readonly links: readonly { readonly path: string; readonly target: string }[];
  /** Folders that were looked into, without the root. */
  readonly folders: readonly string[];
  /** Those with nothing in them. */
  readonly empty: readonly string[];
}

/**
 * Everything in a folder, by path relative to it; links are not followed. Synchronous stats: one in the thread pool
 * costs ten times the stat itself. `INPUT_UNREADABLE`, also for devices, pipes and sockets, which are never opened.
 */
export async function walkFolder(root: string, filter: FolderFilter, signal?: AbortSignal): Promise<FolderContents> {
  const included = filter.include === undefined ? (): boolean => true : await matcher(filter.include);
  const excluded = filter.exclude === undefined ? (): boolean => false : await matcher(filter.exclude);
  const files: { path: string; stats: BigIntStats }[] = [];
  const links: { path: string; target: string }[] = [];
  const entered: string[] = [];
  const empty: string[] = [];
  const folders = [''];
  let seen = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const names = list(join(root, folder));
    if (names.length === 0 && folder !== '' && included(folder)) empty.push(folder);
    for (const name of names) {
      if (++seen % PER_TURN === 0) await nextTurn();
      signal?.throwIfAborted();
      const path = folder === '' ? name : `${folder}/${name}`;
      if (excluded(path)) continue;
      const whole = join(root, path);
      const stats = attempt(whole, () => lstatSync(whole, { bigint: true }));
      if (stats.isDirectory()) {
        folders.push(path);
        entered.push(path);
      } else if (!included(path)) continue;
      else if (stats.isFile()) files.push({ path, stats });
      else if (stats.isSymbolicLink()) links.push({ path, target: attempt(whole, () => readlinkSync(whole)) });
      else throw notAFile(whole, stats);
    }
  }
  return { files, links, folders: entered, empty };
}

export function notAFile(path: string, stats: BigIntStats): DocketError {
  const kind = stats.isDirectory() ? 'a folder' : stats.isFIFO() ? 'a named pipe' : stats.isSocket() ? 'a socket' : 'a device';
  return new DocketError('INPUT_UNREADABLE', `${path} is ${kind}, not a file`, { details: { path } });
}

/** Loaded only here: most commands have no pattern to match. */
async function matcher(globs: readonly string[]): Promise<(path: string) => boolean> {
  const { default: picomatch } = await import('picomatch');
  return picomatch([...globs], { dot: true });
}

function list(folder: string): string[] {
  return attempt(folder, () => readdirSync(folder).sort());
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw inputFailure(error, path);
  }
}

function join(root: string, path: string): string {
  return path === '' ? root : root.endsWith('/') ? `${root}${path}` : `${root}/${path}`;
}
