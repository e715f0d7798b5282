import type { TreeEntry } from '../../store/tree.ts';
import type { Content } from './content.ts';

/** Nanoseconds since the Unix epoch. */
export interface Times {
  atime: bigint;
  mtime: bigint;
  ctime: bigint;
}

interface Common extends Times {
  readonly number: number;
  /** Directory entries that name it; a directory counts 1 as long as it has a place. */
  links: number;
  /** Descriptors that hold it. Without links and opens a file's content is given up. */
  opens: number;
}

export interface FileInode extends Common {
  readonly type: 'file';
  readonly content: Content;
  readonly executable: boolean;
}

export interface LinkInode extends Common {
  readonly type: 'link';
  readonly target: string;
}

export interface DirectoryInode extends Common {
  readonly type: 'directory';
  /** Itself for the root. */
  parent: DirectoryInode;
  readonly entries: Map<string, Entry>;
  /** Entries in the order of their cookies, removed ones included until there are too many of them. */
  order: Entry[];
  nextCookie: number;
  removed: number;
  /** What of a mounted tree belongs here and has no inodes yet: path from here on → entry. See `mount.ts`. */
  pending: readonly (readonly [string, TreeEntry])[] | undefined;
}

export type Inode = FileInode | LinkInode | DirectoryInode;

export interface Entry {
  readonly name: string;
  readonly inode: Inode;
  /** Position of the entry in its directory for `fd_readdir`: grows with every entry made, never used twice. */
  readonly cookie: number;
  /** What it costs in the budget; 0 for mounted ones. */
  readonly cost: number;
  removed: boolean;
}

/** Cookies 0 and 1 are `.` and `..`. */
export const FIRST_COOKIE = 2;

export function addEntry(directory: DirectoryInode, name: string, inode: Inode, cost: number): void {
  const entry: Entry = { name, inode, cookie: directory.nextCookie++, cost, removed: false };
  directory.entries.set(name, entry);
  directory.order.push(entry);
  inode.links++;
  if (inode.type === 'directory') inode.parent = directory;
}

/** Takes the name away; the inode may go on living. */
export function removeEntry(directory: DirectoryInode, entry: Entry): void {
  directory.entries.delete(entry.name);
  entry.removed = true;
  entry.inode.links--;
  if (++directory.removed > 32 && directory.removed * 2 > directory.order.length) {
    directory.order = directory.order.filter((one) => !one.removed);
    directory.removed = 0;
  }
}

/** Index in `order` of the first entry, removed or not, whose cookie is at least `cookie`. */
export function seekCookie(directory: DirectoryInode, cookie: number): number {
  let low = 0;
  let high = directory.order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((directory.order[middle] as Entry).cookie < cookie) low = middle + 1;
    else high = middle;
  }
  return low;
}
