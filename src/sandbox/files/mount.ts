import { DocketError } from '../../errors.ts';
import type { CID } from '../../ipld/cid.ts';
import type { Tree, TreeEntry } from '../../store/tree.ts';
import { Content, type Storage } from './content.ts';
import { addEntry, type DirectoryInode, type Inode } from './inode.ts';
import { EPOCH, type Inodes } from './inodes.ts';

/** What stands at one guest path before the task starts. Without `size` the store is asked when the guest looks. */
export type MountEntry =
  | { readonly blob: CID; readonly size?: number; readonly executable?: boolean }
  | { readonly bytes: Uint8Array; readonly executable?: boolean }
  | { readonly tree: Tree }
  | { readonly link: string }
  | { readonly directory: true };

interface Making {
  readonly inodes: Inodes;
  readonly storage: Storage;
}

/** Lays `entries` into an empty root. A path given twice, or below a file, is refused with `TREE_INVALID`. */
export function mountAll(making: Making, root: DirectoryInode, entries: Readonly<Record<string, MountEntry>>): void {
  const sorted = Object.entries(entries)
    .map(([path, entry]) => ({ parts: splitGuestPath(path), path, entry }))
    // A NUL, which no part holds, puts a directory right before what is in it.
    .toSorted((a, b) => compare(a.parts.join('\0'), b.parts.join('\0')));
  for (const { parts, path, entry } of sorted) mountOne(making, root, parts, path, entry);
}

/**
 * Makes the inodes of one level of a mounted tree, when someone first looks into the directory: a task that reads one file
 * of a tree of 100,000 does not pay for the others.
 */
export function expand({ inodes, storage }: Making, directory: DirectoryInode): void {
  const pending = directory.pending ?? [];
  directory.pending = undefined;
  const below = new Map<string, [string, TreeEntry][]>();
  const here: [string, Inode][] = [];
  for (const [path, entry] of pending) {
    const slash = path.indexOf('/');
    if (slash < 0) {
      if ('directory' in entry) below.set(path, []);
      else here.push([path, 'link' in entry ? inodes.link(entry.link, EPOCH) : fileOf(inodes, storage, entry)]);
      continue;
    }
    const name = path.slice(0, slash);
    const rest = below.get(name) ?? [];
    rest.push([path.slice(slash + 1), entry]);
    below.set(name, rest);
  }
  for (const [name, rest] of below) {
    const child = inodes.directory(EPOCH);
    if (rest.length > 0) child.pending = rest;
    here.push([name, child]);
  }
  here.sort(([a], [b]) => compare(a, b));
  for (const [name, inode] of here) {
    if (directory.entries.has(name)) throw new DocketError('TREE_INVALID', `a tree names "${name}" as a file and as a directory`);
    addEntry(directory, name, inode, 0);
  }
}

type TreeFile = Extract<TreeEntry, { readonly cid: CID }>;

function fileOf(inodes: Inodes, storage: Storage, entry: TreeFile): Inode {
  return inodes.file(Content.blob(storage, entry.cid, entry.size), entry.executable, EPOCH);
}

function mountOne(making: Making, root: DirectoryInode, parts: readonly string[], path: string, entry: MountEntry): void {
  let directory = root;
  const last = parts.at(-1);
  for (const name of last === undefined || 'tree' in entry ? parts : parts.slice(0, -1)) directory = enter(making, directory, name, path);
  if ('tree' in entry) {
    if (directory.pending !== undefined || directory.entries.size > 0) throw new DocketError('TREE_INVALID', `"${path}" is mounted twice`);
    const pending = Object.entries(entry.tree);
    if (pending.length > 0) directory.pending = pending;
    return;
  }
  if ('directory' in entry) {
    if (last !== undefined) enter(making, directory, last, path);
    return;
  }
  if (directory.pending !== undefined) expand(making, directory);
  if (last === undefined || directory.entries.has(last)) throw new DocketError('TREE_INVALID', `"${path}" is mounted twice`);
  addEntry(directory, last, makeLeaf(making, entry), 0);
}

type Leaf = Exclude<MountEntry, { readonly tree: Tree } | { readonly directory: true }>;

function makeLeaf({ inodes, storage }: Making, entry: Leaf): Inode {
  if ('link' in entry) return inodes.link(entry.link, EPOCH);
  const content = 'blob' in entry ? Content.blob(storage, entry.blob, entry.size) : Content.bytes(storage, entry.bytes);
  return inodes.file(content, entry.executable ?? false, EPOCH);
}

/** The directory `name` in `directory`, made if it is not there. */
function enter(making: Making, directory: DirectoryInode, name: string, path: string): DirectoryInode {
  if (directory.pending !== undefined) expand(making, directory);
  const found = directory.entries.get(name)?.inode;
  if (found === undefined) {
    const made = making.inodes.directory(EPOCH);
    addEntry(directory, name, made, 0);
    return made;
  }
  if (found.type !== 'directory') throw new DocketError('TREE_INVALID', `"${path}" is mounted below a file`);
  return found;
}

/** Parts of a path as a host gives it, absolute or relative to the root; `/` and `.` are the root. */
export function splitGuestPath(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.some((part) => part === '..' || part.includes('\0'))) {
    throw new DocketError('TREE_INVALID', `"${path}" is no path of a file in a task: it holds ".." or a NUL`);
  }
  return parts;
}

/** By UTF-16 code units: the same on every machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
