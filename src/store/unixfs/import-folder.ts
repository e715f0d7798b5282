import { basename, join } from 'node:path';
import { mapConcurrent } from '../../base/limit-concurrency.ts';
import { DocketError } from '../../errors.ts';
import type * as Cid from '../../ipld/cid.ts';
import { importFiles, type ImportOptions } from '../import.ts';
import type { Store } from '../store.ts';
import { type FolderContents, walkFolder } from '../walk-folder.ts';
import { encodeDirectory, encodeSymlink, fitsInNode, type Named, type WrittenNode } from './directory.ts';
import { blocksOf } from './file-hash.ts';

interface UnixFsOptions extends ImportOptions {
  /** Files a blob under the CID that IPFS has for its bytes, and gives that. */
  readonly nameFile: (blob: Cid.CID) => Promise<Cid.CID>;
}

interface UnixFsFolder {
  readonly cid: Cid.CID;
  /** Of all files together. */
  readonly bytes: number;
}

/** Files named at a time: each is read once more for it. */
const PARALLEL = 8;

/** What begins with a dot, and all that is below it. */
const HIDDEN = '**/.*';

/**
 * Imports a folder as `ipfs add -r --cid-version 1` does: files by their UnixFS CIDs, and a node for each folder, which lies in the store as a blob. As there, what is
 * hidden (its name begins with a dot) is left out, links are kept as links, and neither modes nor times count.
 *
 * Throws `INPUT_UNREADABLE`, `INPUT_CHANGED`, and what the store throws.
 */
export async function importUnixFs(store: Store, dir: string, { nameFile, ...options }: UnixFsOptions): Promise<UnixFsFolder> {
  const contents = await walkFolder(dir, { exclude: [HIDDEN] }, options.signal);
  const files = await importFiles(
    store,
    contents.files.map(({ path }) => join(dir, path)),
    options,
  );
  const names = await mapConcurrent(files, PARALLEL, async ({ cid, size }) => ({ cid: await nameFile(cid), blocks: blocksOf(size) }));
  const folders = new Folders(dir, contents);
  contents.files.forEach(({ path }, i) => folders.add(path, names[i]!));
  const nodes: WrittenNode[] = [];
  for (const { path, target } of contents.links) {
    const link = encodeSymlink(target);
    nodes.push(link);
    folders.add(path, link);
  }
  nodes.push(...folders.encode());
  // The root comes last: who finds it finds all.
  for (const { bytes } of nodes) await store.put(bytes, options.signal === undefined ? {} : { signal: options.signal });
  return { cid: nodes.at(-1)!.cid, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}

/** The entries of each folder, by its path. */
class Folders {
  readonly #dir: string;
  readonly #entries = new Map<string, Named[]>([['', []]]);

  constructor(dir: string, { folders }: FolderContents) {
    this.#dir = dir;
    for (const path of folders) this.#entries.set(path, []);
  }

  add(path: string, entry: Omit<Named, 'name'>): void {
    this.#entries.get(parentOf(path))!.push({ name: basename(path), cid: entry.cid, blocks: entry.blocks });
  }

  /** Their nodes, each after those of what is in it. Throws `INPUT_UNREADABLE` for one with too many entries. */
  *encode(): Generator<WrittenNode> {
    const deepestFirst = [...this.#entries].toSorted(([a], [b]) => depthOf(b) - depthOf(a));
    for (const [path, entries] of deepestFirst) {
      if (!fitsInNode(entries))
        throw new DocketError(
          'INPUT_UNREADABLE',
          `${join(this.#dir, path)} has so many entries that IPFS makes a sharded directory of it`,
          {
            next: 'Put the files into several folders, or store them one by one.',
            details: { path },
          },
        );
      const node = encodeDirectory(entries);
      if (path !== '') this.add(path, node);
      yield node;
    }
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '' : path.slice(0, slash);
}

function depthOf(path: string): number {
  return path === '' ? 0 : path.split('/').length;
}
