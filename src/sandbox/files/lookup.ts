import * as Errno from './errno.ts';
import type { DirectoryInode, Inode } from './inode.ts';

/** As on Linux. */
const MAX_LINKS = 40;
const MAX_NAME_BYTES = 255;
export const MAX_PATH_BYTES = 4096;

/** What a path leads to. */
export interface Place {
  readonly directory: DirectoryInode;
  /** Undefined if the path ends in `.` or `..`: then `inode` is `directory` itself. */
  readonly name: string | undefined;
  /** Undefined if there is nothing of that name yet. */
  readonly inode: Inode | undefined;
  /** The path ends in a slash, so only a directory will do. */
  readonly slash: boolean;
  /** For a path that ends in `.` or `..`, which of them. */
  readonly dots: '.' | '..' | undefined;
}

/**
 * What to do with a link that the path ends in: `follow` it, `keep` it unless a slash behind it asks for a directory,
 * or `entry`: the name itself is what matters, as when it is removed.
 */
export type Ending = 'follow' | 'keep' | 'entry';

interface Directories {
  readonly root: DirectoryInode;
  child(directory: DirectoryInode, name: string): Inode | undefined;
  /** Told how many characters are to be walked next. */
  walk(steps: number): void;
}

/**
 * Walks `path` from `base`, which it never leaves: `..` above it and absolute paths are EPERM, as in wasmtime. An absolute
 * link target is EPERM too, unless `base` is the root of everything, where there is nothing to escape to.
 * Throws ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EPERM.
 */
export function lookup(files: Directories, base: DirectoryInode, path: string, ending: Ending): Place {
  if (path === '') throw Errno.NOENT;
  if (path.startsWith('/')) throw Errno.PERM;
  files.walk(path.length);
  const above: DirectoryInode[] = [];
  let directory = base;
  let text = path;
  let links = 0;
  let at = 0;
  for (;;) {
    const end = endOfName(text, at);
    const name = text.slice(at, end);
    const next = skipSlashes(text, end);
    const last = next === text.length;
    const slash = next > end;

    if (name === '.' || name === '..') {
      if (name === '..') {
        const up = above.pop();
        if (up === undefined) throw Errno.PERM;
        directory = up;
      }
      if (last) return { directory, name: undefined, inode: directory, slash, dots: name };
      at = next;
      continue;
    }

    checkName(name);
    const inode = files.child(directory, name);
    if (inode === undefined) {
      if (!last) throw Errno.NOENT;
      return { directory, name, inode, slash, dots: undefined };
    }
    if (inode.type === 'link' && (!last || ending === 'follow' || (ending === 'keep' && slash))) {
      if (++links > MAX_LINKS) throw Errno.LOOP;
      at = 0;
      text = inode.target + text.slice(end);
      files.walk(text.length);
      if (text.startsWith('/')) {
        if (base !== files.root) throw Errno.PERM;
        above.length = 0;
        directory = base;
        at = skipSlashes(text, 0);
        if (at === text.length) return { directory, name: undefined, inode: directory, slash: true, dots: '.' };
      }
      continue;
    }
    if (last) {
      if (slash && inode.type !== 'directory' && ending !== 'entry') throw Errno.NOTDIR;
      return { directory, name, inode, slash, dots: undefined };
    }
    if (inode.type !== 'directory') throw Errno.NOTDIR;
    above.push(directory);
    directory = inode;
    at = next;
  }
}

function endOfName(text: string, at: number): number {
  const slash = text.indexOf('/', at);
  return slash < 0 ? text.length : slash;
}

function skipSlashes(text: string, at: number): number {
  let next = at;
  while (text.charCodeAt(next) === 0x2f) next++;
  return next;
}

/** A name of at most 85 UTF-16 units cannot take more than 255 bytes. */
function checkName(name: string): void {
  if (name.length > 85 && Buffer.byteLength(name) > MAX_NAME_BYTES) throw Errno.NAMETOOLONG;
}
