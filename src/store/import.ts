import { statSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { mapConcurrent } from '../base/limit-concurrency.ts';
import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { digestHex } from './digest.ts';
import { stampOf } from './file-stamp.ts';
import { inputFailure, readIn } from './input-file.ts';
import { staysInside } from './links.ts';
import type { StatIndex, StatRow } from './stat-index.ts';
import type { Store } from './store.ts';
import * as Tree from './tree.ts';
import { notAFile, walkFolder, type FolderContents, type FolderFilter } from './walk-folder.ts';

/** Files read at a time. */
const PARALLEL = 16;

export interface ImportOptions {
  /** What is known of files read before; without it every file is read. */
  readonly statIndex?: StatIndex;
  readonly signal?: AbortSignal;
}

export interface ImportedFile {
  readonly cid: CID;
  readonly size: number;
  readonly executable: boolean;
}

export interface ImportedFolder {
  /** Of the tree. */
  readonly cid: CID;
  readonly files: number;
  /** Of all files together. */
  readonly bytes: number;
  /** Files that had to be read; the rest was known by its stat. */
  readonly hashed: number;
}

/** Imports one file; a link is followed. `INPUT_UNREADABLE`, `INPUT_CHANGED`, and what `Store.put` throws. */
export async function importFile(store: Store, path: string, options: ImportOptions = {}): Promise<ImportedFile> {
  const [file] = await importFiles(store, [path], options);
  return file as ImportedFile;
}

/** As `importFile`, for many at once: one look into the stat index and one write for all. */
export async function importFiles(store: Store, paths: readonly string[], options: ImportOptions = {}): Promise<ImportedFile[]> {
  const found = paths.map((path) => ({ path, stats: statFile(path) }));
  const { cids } = await importAll(store, found, options);
  return found.map(({ stats }, i) => imported(cids[i] as CID, stats));
}

/**
 * Imports a folder as a tree. Links are kept as links; one that leads out of the folder is `INPUT_ESCAPES`. Otherwise
 * throws as `importFile`.
 */
export async function importFolder(store: Store, dir: string, options: ImportOptions & FolderFilter = {}): Promise<ImportedFolder> {
  const contents = await walkFolder(dir, options, options.signal);
  const links = linkEntries(dir, contents);
  const { cids, hashed } = await importAll(
    store,
    contents.files.map(({ path, stats }) => ({ path: join(dir, path), stats })),
    options,
  );
  const files = contents.files.map(({ path, stats }, i): [string, ImportedFile] => [path, imported(cids[i] as CID, stats)]);
  const tree: Tree.Tree = Object.fromEntries<Tree.TreeEntry>([
    ...files,
    ...links,
    ...contents.empty.map((path): [string, Tree.TreeEntry] => [path, { directory: true }]),
  ]);
  const bytes = files.reduce((sum, [, { size }]) => sum + size, 0);
  return { cid: await Tree.write(store, tree), files: files.length, bytes, hashed };
}

interface Found {
  readonly path: string;
  readonly stats: BigIntStats;
}

async function importAll(
  store: Store,
  found: readonly Found[],
  { statIndex, signal }: ImportOptions,
): Promise<{ cids: CID[]; hashed: number }> {
  const known = statIndex === undefined ? [] : await statIndex.lookup(found.map(({ stats }) => stampOf(stats)));
  const rows: StatRow[] = [];
  let hashed = 0;
  const cids = await mapConcurrent(found, PARALLEL, async ({ path, stats }, i) => {
    const cid = known[i];
    if (cid !== undefined) return cid;
    signal?.throwIfAborted();
    hashed++;
    const checkedAt = statIndex?.now() ?? 0;
    const read = await readIn(store, path, stats, signal);
    rows.push({ ...stampOf(stats), digest: digestHex(read), checkedAt });
    return read;
  });
  await statIndex?.remember(rows);
  return { cids, hashed };
}

function linkEntries(dir: string, contents: FolderContents): [string, Tree.TreeEntry][] {
  const entries = contents.links.map(({ path, target }): [string, Tree.TreeEntry] => [path, { link: target }]);
  const tree = Object.fromEntries(entries);
  for (const { path, target } of contents.links) {
    if (staysInside(tree, path)) continue;
    throw new DocketError('INPUT_ESCAPES', `the link ${join(dir, path)} leads out of its folder, to ${target}`, {
      details: { path: join(dir, path), target },
    });
  }
  return entries;
}

function imported(cid: CID, stats: BigIntStats): ImportedFile {
  return { cid, size: Number(stats.size), executable: (stats.mode & 0o100n) !== 0n };
}

function statFile(path: string): BigIntStats {
  let stats: BigIntStats;
  try {
    stats = statSync(path, { bigint: true });
  } catch (error) {
    throw inputFailure(error, path);
  }
  if (!stats.isFile()) throw notAFile(path, stats);
  return stats;
}
