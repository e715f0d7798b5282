import { randomUUID } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolders } from '../base/make-folders.ts';
import { DocketError, systemCode } from '../errors.ts';
import * as DagJson from '../ipld/dag-json.ts';
import { generateSeed, type Key, keyOf } from '../ipld/identity.ts';
import { isMap } from '../ipld/value.ts';

/**
 * The file that holds who this home is: DAG-JSON of `{did, kind, seed, version}`, mode 0600. The DID is there so that a damaged seed is
 * noticed instead of becoming another identity.
 *
 * 1. The file appears at once and whole: written under a name of its own, fsynced, then hard-linked to its place.
 * 2. Linking fails if the file is there, so of processes racing at first use one wins and all read its key.
 * 3. Own names of creators that were killed are removed by whoever next reads the file. A creator whose name is removed under it
 *    finds the file in place, since only then are names removed.
 */

const KIND = 'docket-identity';
const VERSION = 1;
/** Far above any file of ours, so that a wrong path does not fill the memory. */
const MAX_BYTES = 4096;

/** Throws `IDENTITY_INVALID` if the file is damaged, no regular file or open to others, `HOME_UNUSABLE` if it cannot be read or made. */
export async function loadOrCreateIdentity(path: string): Promise<Key> {
  try {
    const existing = load(path);
    if (existing !== undefined) return existing;
    await create(path);
    const created = load(path);
    if (created !== undefined) return created;
  } catch (cause) {
    if (cause instanceof DocketError) throw cause;
    throw new DocketError('HOME_UNUSABLE', `the identity file ${path} cannot be read or made: ${(cause as Error).message}`, { cause });
  }
  throw new DocketError('HOME_UNUSABLE', `the identity file ${path} is removed as fast as it is made`);
}

/** Synchronous: every command waits for it, and a small local file is read sooner than the thread pool is asked. */
function load(path: string): Key | undefined {
  let file: number;
  try {
    // Not to wait for a writer if it is a pipe, and not through a link someone else laid.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    if (systemCode(error) === 'ELOOP') throw invalid(path, 'is a symlink');
    throw error;
  }
  let text: string;
  try {
    text = readOwn(path, file);
  } finally {
    closeSync(file);
  }
  const key = parse(path, text);
  sweep(path);
  return key;
}

function readOwn(path: string, file: number): string {
  const stat = fstatSync(file);
  if (!stat.isFile()) throw invalid(path, 'is not a regular file');
  if ((stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
    throw invalid(
      path,
      `is open to others (mode ${mode})`,
      `If nobody else read it, \`chmod 600 ${path}\`; else move it away to get a new identity.`,
    );
  }
  if (stat.size > MAX_BYTES) throw invalid(path, 'is damaged');
  return readFileSync(file, 'utf8');
}

function parse(path: string, text: string): Key {
  let value;
  try {
    value = DagJson.decode(text);
  } catch (cause) {
    throw invalid(path, 'is damaged', undefined, cause);
  }
  if (!isMap(value) || value.kind !== KIND) throw invalid(path, 'is damaged');
  if (value.version !== VERSION) throw invalid(path, 'has a format this Docket does not know');
  if (!(value.seed instanceof Uint8Array) || value.seed.length !== 32) throw invalid(path, 'is damaged');
  const key = keyOf(value.seed);
  if (key.did !== value.did) throw invalid(path, 'is damaged: its seed and its DID do not belong together');
  return key;
}

function invalid(path: string, problem: string, next?: string, cause?: unknown): DocketError {
  return new DocketError('IDENTITY_INVALID', `the identity file ${path} ${problem}`, { cause, ...(next === undefined ? {} : { next }) });
}

async function create(path: string): Promise<void> {
  const seed = generateSeed();
  const text = DagJson.encode({ kind: KIND, version: VERSION, did: keyOf(seed).did, seed }, { indent: 2 });
  makeFolders(dirname(path), 0o700);
  const own = join(dirname(path), ownPrefix(path) + randomUUID());
  try {
    {
      await using file = await open(own, 'wx', 0o600);
      await file.writeFile(`${text}\n`);
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
