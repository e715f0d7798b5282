import * as Errno from '../files/errno.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { Inode } from '../files/inode.ts';
import { ALL_FSTFLAGS, FILETYPE, FSTFLAG, SIZE } from './abi.ts';
import type { Host } from './host.ts';

/** All files are on one device. */
const DEVICE = 1n;

export function filetypeOf(inode: Inode): number {
  return FILETYPE[inode.type];
}

function sizeOf(inode: Inode): number {
  if (inode.type === 'file') return inode.content.size;
  return inode.type === 'link' ? Buffer.byteLength(inode.target) : 0;
}

/** Writes a `filestat`; without an inode that of a pipe. */
export function putFilestat({ memory }: Host, inode: Inode | undefined, result: number): void {
  const at = memory.check(result, SIZE.filestat);
  memory.bytes.fill(0, at, at + SIZE.filestat);
  if (inode === undefined) return;
  const size = sizeOf(inode);
  const { view } = memory;
  view.setBigUint64(at, DEVICE, true);
  view.setBigUint64(at + 8, BigInt(inode.number), true);
  view.setUint8(at + 16, filetypeOf(inode));
  view.setBigUint64(at + 24, BigInt(inode.links), true);
  view.setBigUint64(at + 32, BigInt(size), true);
  view.setBigUint64(at + 40, inode.atime, true);
  view.setBigUint64(at + 48, inode.mtime, true);
  view.setBigUint64(at + 56, inode.ctime, true);
}

/** What the `fstflags` of a `…_set_times` call ask for. Throws EINVAL. */
export function setTimes(files: FileSystem, inode: Inode, atime: bigint, mtime: bigint, flags: number): void {
  if ((flags & ~ALL_FSTFLAGS) !== 0) throw Errno.INVAL;
  files.setTimes(
    inode,
    chosenTime(files, atime, flags & FSTFLAG.atime, flags & FSTFLAG.atimeNow),
    chosenTime(files, mtime, flags & FSTFLAG.mtime, flags & FSTFLAG.mtimeNow),
  );
}

function chosenTime(files: FileSystem, given: bigint, useGiven: number, useNow: number): bigint | undefined {
  if (useGiven !== 0 && useNow !== 0) throw Errno.INVAL;
  if (useNow !== 0) return files.now;
  return useGiven === 0 ? undefined : BigInt.asUintN(64, given);
}
