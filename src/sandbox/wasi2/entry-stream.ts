import type { FileSystem } from '../files/file-system.ts';
import { type DirectoryInode, type Entry, FIRST_COOKIE, seekCookie } from '../files/inode.ts';
import { typeOf } from './metadata.ts';

/** The entries of a directory in the order they were made (mounted ones by name), without `.` and `..`. Those that are made meanwhile are told too, once. */
export class EntryStream {
  readonly #directory: DirectoryInode;
  #cookie = FIRST_COOKIE;

  constructor(files: FileSystem, directory: DirectoryInode) {
    files.entries(directory);
    this.#directory = directory;
  }

  /** Undefined at the end. */
  next(): unknown {
    const { order } = this.#directory;
    for (let i = seekCookie(this.#directory, this.#cookie); i < order.length; i++) {
      const { removed, name, inode, cookie } = order[i] as Entry;
      if (removed) continue;
      this.#cookie = cookie + 1;
      return { type: typeOf(inode), name };
    }
    return undefined;
  }
}
