/**
 * Numbers of preview 1, from `wasi_snapshot_preview1.witx` (https://github.com/WebAssembly/WASI, legacy/preview1).
 * Rights are 64-bit in the interface but only the low 30 are defined, so they are numbers here.
 */

export const RIGHT = {
  fdDatasync: 1 << 0,
  fdRead: 1 << 1,
  fdSeek: 1 << 2,
  fdFdstatSetFlags: 1 << 3,
  fdSync: 1 << 4,
  fdTell: 1 << 5,
  fdWrite: 1 << 6,
  fdAdvise: 1 << 7,
  fdAllocate: 1 << 8,
  pathCreateDirectory: 1 << 9,
  pathCreateFile: 1 << 10,
  pathLinkSource: 1 << 11,
  pathLinkTarget: 1 << 12,
  pathOpen: 1 << 13,
  fdReaddir: 1 << 14,
  pathReadlink: 1 << 15,
  pathRenameSource: 1 << 16,
  pathRenameTarget: 1 << 17,
  pathFilestatGet: 1 << 18,
  pathFilestatSetSize: 1 << 19,
  pathFilestatSetTimes: 1 << 20,
  fdFilestatGet: 1 << 21,
  fdFilestatSetSize: 1 << 22,
  fdFilestatSetTimes: 1 << 23,
  pathSymlink: 1 << 24,
  pathRemoveDirectory: 1 << 25,
  pathUnlinkFile: 1 << 26,
  pollFdReadwrite: 1 << 27,
} as const;

/** What can be done with an open file, whatever it was opened for. */
export const FILE_RIGHTS =
  RIGHT.fdDatasync |
  RIGHT.fdRead |
  RIGHT.fdSeek |
  RIGHT.fdFdstatSetFlags |
  RIGHT.fdSync |
  RIGHT.fdTell |
  RIGHT.fdWrite |
  RIGHT.fdAdvise |
  RIGHT.fdAllocate |
  RIGHT.fdFilestatGet |
  RIGHT.fdFilestatSetSize |
  RIGHT.fdFilestatSetTimes |
  RIGHT.pollFdReadwrite;

/** What can be done with an open directory. */
export const DIRECTORY_RIGHTS =
  RIGHT.fdFdstatSetFlags |
  RIGHT.fdSync |
  RIGHT.fdDatasync |
  RIGHT.fdReaddir |
  RIGHT.fdFilestatGet |
  RIGHT.fdFilestatSetTimes |
  RIGHT.pathCreateDirectory |
  RIGHT.pathCreateFile |
  RIGHT.pathLinkSource |
  RIGHT.pathLinkTarget |
  RIGHT.pathOpen |
  RIGHT.pathReadlink |
  RIGHT.pathRenameSource |
  RIGHT.pathRenameTarget |
  RIGHT.pathFilestatGet |
  RIGHT.pathFilestatSetSize |
  RIGHT.pathFilestatSetTimes |
  RIGHT.pathSymlink |
  RIGHT.pathRemoveDirectory |
  RIGHT.pathUnlinkFile;

/** Of a pipe: no seeking, which is also how wasi-libc tells it from a terminal. */
export const STREAM_RIGHTS = RIGHT.fdFdstatSetFlags | RIGHT.fdFilestatGet | RIGHT.pollFdReadwrite;

export const FILETYPE = { unknown: 0, directory: 3, file: 4, link: 7 } as const;

export const FDFLAG = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;
export const ALL_FDFLAGS = 31;

export const OFLAG = { creat: 1, directory: 2, excl: 4, trunc: 8 } as const;
export const ALL_OFLAGS = 15;

export const SYMLINK_FOLLOW = 1;

export const FSTFLAG = { atime: 1, atimeNow: 2, mtime: 4, mtimeNow: 8 } as const;
export const ALL_FSTFLAGS = 15;

export const WHENCE = { set: 0, current: 1, end: 2 } as const;

export const CLOCK = { realtime: 0, monotonic: 1, processCpu: 2, threadCpu: 3 } as const;

export const EVENT = { clock: 0, fdRead: 1, fdWrite: 2 } as const;
export const HANGUP = 1;
export const CLOCK_ABSOLUTE = 1;

/** Sizes in bytes of the records that cross the border. */
export const SIZE = { fdstat: 24, filestat: 64, prestat: 8, dirent: 24, iovec: 8, subscription: 48, event: 32 } as const;
