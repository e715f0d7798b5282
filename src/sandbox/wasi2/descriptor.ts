import * as Errno from '../files/errno.ts';
import type { DirectoryInode, FileInode } from '../files/inode.ts';
import { MAX_PATH_BYTES } from '../files/lookup.ts';
import type { OpenFile } from './open-files.ts';

/** `descriptor-flags`. */
export interface Flags {
  readonly read: boolean;
  readonly write: boolean;
  readonly fileIntegritySync: boolean;
  readonly dataIntegritySync: boolean;
  readonly requestedWriteSync: boolean;
  readonly mutateDirectory: boolean;
}

const NO_FLAGS: Flags = {
  read: false,
  write: false,
  fileIntegritySync: false,
  dataIntegritySync: false,
  requestedWriteSync: false,
  mutateDirectory: false,
};

/** What a handle of `wasi:filesystem` stands for. It has no position: streams have. */
export class Descriptor implements Disposable {
  readonly open: OpenFile;
  readonly flags: Flags;

  constructor(open: OpenFile, flags: Partial<Flags>) {
    this.open = open.hold();
    this.flags = { ...NO_FLAGS, ...flags };
  }

  /** Throws ENOTDIR. */
  get directory(): DirectoryInode {
    const { inode } = this.open;
    if (inode.type !== 'directory') throw Errno.NOTDIR;
    return inode;
  }

  /** Throws EBADF for a directory. */
  get file(): FileInode {
    return this.#openFile(Errno.BADF).inode;
  }

  /** Throws EISDIR; EBADF if it was not opened for reading. */
  get readable(): OpenFile<FileInode> {
    const open = this.#openFile(Errno.ISDIR);
    if (!this.flags.read) throw Errno.BADF;
    return open;
  }

  /** Throws EBADF, also for a directory. */
  get writable(): OpenFile<FileInode> {
    const open = this.#openFile(Errno.BADF);
    if (!this.flags.write) throw Errno.BADF;
    return open;
  }

  [Symbol.dispose](): void {
    this.open.release();
  }

  #openFile(otherwise: Errno.Errno): OpenFile<FileInode> {
    if (this.open.inode.type !== 'file') throw otherwise;
    return this.open as OpenFile<FileInode>;
  }
}

/** As preview 1 takes them. Throws ENAMETOOLONG; EINVAL for a NUL, which no path can hold. */
export function checkPath(path: string): string {
  if (path.length * 3 > MAX_PATH_BYTES && Buffer.byteLength(path) > MAX_PATH_BYTES) throw Errno.NAMETOOLONG;
  if (path.includes('\0')) throw Errno.INVAL;
  return path;
}

/** Offsets and sizes above 63 bits are none that a file could have. Throws EINVAL. */
export function checkOffset(offset: bigint): number {
  if (offset >> 63n !== 0n) throw Errno.INVAL;
  return Number(offset);
}
