import { randomUUID } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DocketError, systemCode } from '../errors.ts';
import { makeFolders } from './make-folders.ts';

/**
 * Files that hold a secret of a home, mode 0600, made by whoever needs them first.
 *
 * 1. Such a file appears at once and whole: written under a name of its own, fsynced, then hard-linked to its place.
 * 2. Linking fails if the file is there, so of processes racing at first use one wins and all read what it made.
 * 3. Own names of creators that were killed are removed by whoever next reads the file. A creator whose name is removed under it
 *    finds the file in place, since only then are names removed.
 */

export interface SecretFile<T> {
  /** Text of a new one. */
  readonly make: () => string;
  /** What stands in one. Throws if it is damaged. */
  readonly parse: (text: string) => T;
  /** Made of what is wrong with a file that is there, as in "is a symlink", and what to do if that is not the usual. */
  readonly refuse: (problem: string, next?: string) => DocketError;
}

/** Far above any file of ours, so that a wrong path does not fill the memory. */
const MOST_BYTES = 4096;

/** Throws what `refuse` and `parse` make, and `HOME_UNUSABLE` if it can be neither read nor made. */
export async function loadOrCreate<T>(path: string, secret: SecretFile<T>): Promise<T> {
  try {
    const existing = load(path, secret);
    if (existing !== undefined) return existing;
    await create(path, secret.make());
    const created = load(path, secret);
    if (created !== undefined) return created;
  } catch (cause) {
    if (cause instanceof DocketError) throw cause;
    throw new DocketError('HOME_UNUSABLE', `the file ${path} cannot be read or made: ${(cause as Error).message}`, { cause });
  }
  throw new DocketError('HOME_UNUSABLE', `the file ${path} is removed as fast as it is made`);
}

/** Synchronous: every command waits for it, and a small local file is read sooner than the thread pool is asked. */
function load<T>(path: string, { parse, refuse }: SecretFile<T>): T | undefined {
  let file: number;
  try {
    // Not to wait for a writer if it is a pipe, and not through a link someone else laid.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    if (systemCode(error) === 'ELOOP') throw refuse('is a symlink');
    throw error;
  }
  let text: string;
  try {
    text = readOwn(path, file, refuse);
  } finally {
    closeSync(file);
  }
  const parsed = parse(text);
  sweep(path);
  return parsed;
}

function readOwn(path: string, file: number, refuse: SecretFile<unknown>['refuse']): string {
  const stat = fstatSync(file);
  if (!stat.isFile()) throw refuse('is not a regular file');
  if ((stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
    throw refuse(`is open to others (mode ${mode})`, `If nobody else read it, \`chmod 600 ${path}\`; else move it away to get a new one.`);
  }
  if (stat.size > MOST_BYTES) throw refuse('is damaged');
  return readFileSync(file, 'utf8');
}

async function create(path: string, text: string): Promise<void> {
  makeFolders(dirname(path), 0o700);
  const own = join(dirname(path), ownPrefix(path) + randomUUID());
  try {
    {
      await using file = await open(own, 'wx', 0o600);
      await file.writeFile(text);
      await file.sync();
    }
    await link(own, path);
    await using folder = await open(dirname(path));
    await folder.sync();
  } catch (error) {
    // EEXIST: another won (2). ENOENT: our name was swept, so another won (3); if not, loading tells.
    if (systemCode(error) !== 'EEXIST' && systemCode(error) !== 'ENOENT') throw error;
  } finally {
    await rm(own, { force: true });
  }
}

function ownPrefix(path: string): string {
  return `.${basename(path)}.new-`;
}

function sweep(path: string): void {
  const folder = dirname(path);
  const left = readdirSync(folder).filter((name) => name.startsWith(ownPrefix(path)));
  for (const name of left) rmSync(join(folder, name), { force: true });
}
