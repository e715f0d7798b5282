import * as Errno from '../files/errno.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { Inode } from '../files/inode.ts';

/** What is known of a file beside its bytes, in the records of `wasi:filesystem`. */

const SECOND = 1_000_000_000n;
const TYPES = { directory: 'directory', file: 'regular-file', link: 'symbolic-link' } as const;

interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

type NewTimestamp = { readonly tag: 'no-change' | 'now' } | { readonly tag: 'timestamp'; readonly val: Datetime };

export function typeOf(inode: Inode): string {
  return TYPES[inode.type];
}

function sizeOf(inode: Inode): number {
  if (inode.type === 'file') return inode.content.size;
  return inode.type === 'link' ? Buffer.byteLength(inode.target) : 0;
}

export function statOf(inode: Inode): unknown {
  return {
    type: typeOf(inode),
    linkCount: BigInt(inode.links),
    size: BigInt(sizeOf(inode)),
    dataAccessTimestamp: datetime(inode.atime),
    dataModificationTimestamp: datetime(inode.mtime),
    statusChangeTimestamp: datetime(inode.ctime),
  };
}

/** C libraries make the inode number of it, so it is the one that preview 1 tells. */
export function hashOf(inode: Inode): unknown {
  return { lower: BigInt(inode.number), upper: 0n };
}

/** Throws EINVAL, EOVERFLOW. */
export function setTimes(files: FileSystem, inode: Inode, access: NewTimestamp, modification: NewTimestamp): void {
  files.setTimes(inode, timeOf(files, access), timeOf(files, modification));
}

function timeOf(files: FileSystem, chosen: NewTimestamp): bigint | undefined {
  if (chosen.tag !== 'timestamp') return chosen.tag === 'now' ? files.now : undefined;
  const { seconds, nanoseconds } = chosen.val;
  if (nanoseconds >= SECOND) throw Errno.INVAL;
  const time = seconds * SECOND + BigInt(nanoseconds);
  // Kept in 64 bits, as preview 1 has them.
  if (time >> 64n !== 0n) throw Errno.OVERFLOW;
  return time;
}

function datetime(time: bigint): Datetime {
  return { seconds: time / SECOND, nanoseconds: Number(time % SECOND) };
}
