import type { Content } from './content.ts';
import { FIRST_COOKIE, type DirectoryInode, type FileInode, type LinkInode, type Times } from './inode.ts';

/**
 * What mounted files and directories carry as their times: 2000-01-01T00:00:00Z, where the virtual clock starts too.
 * Not 0, which programs take for "unknown", and not before 1980, which archive formats cannot hold.
 */
export const EPOCH = 946_684_800_000_000_000n;

/** Makes the inodes of one file system; numbers count up from 1, so the same task sees the same numbers. */
export class Inodes {
  #next = 1;

  file(content: Content, executable: boolean, time: bigint): FileInode {
    return { type: 'file', ...this.#common(time), content, executable };
  }

  link(target: string, time: bigint): LinkInode {
    return { type: 'link', ...this.#common(time), target };
  }

  directory(time: bigint): DirectoryInode {
    const directory = {
      type: 'directory' as const,
      ...this.#common(time),
      parent: undefined as DirectoryInode | undefined,
      entries: new Map(),
      order: [],
      nextCookie: FIRST_COOKIE,
      removed: 0,
      pending: undefined,
    };
    directory.parent = directory as DirectoryInode;
    return directory as DirectoryInode;
  }

  #common(time: bigint): { readonly number: number; links: number; opens: number } & Times {
    return { number: this.#next++, links: 0, opens: 0, atime: time, mtime: time, ctime: time };
  }
}
