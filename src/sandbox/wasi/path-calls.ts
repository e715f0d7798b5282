import * as Errno from '../files/errno.ts';
import type { DirectoryInode, Inode } from '../files/inode.ts';
import type { Ending } from '../files/lookup.ts';
import { RIGHT, SYMLINK_FOLLOW } from './abi.ts';
import { need } from './descriptor-calls.ts';
import type { DirectoryDescriptor } from './descriptors.ts';
import type { Host } from './host.ts';
import { putFilestat, setTimes } from './stat.ts';

export function pathCreateDirectory(host: Host, fd: number, path: number, pathLength: number): void {
  host.files.createDirectory(base(host, fd, RIGHT.pathCreateDirectory), host.memory.path(path, pathLength));
}

export function pathFilestatGet(host: Host, fd: number, flags: number, path: number, pathLength: number, result: number): void {
  const inode = existing(host, base(host, fd, RIGHT.pathFilestatGet), flags, path, pathLength);
  putFilestat(host, inode, result);
}

export function pathFilestatSetTimes(
  host: Host,
  fd: number,
  flags: number,
  path: number,
  pathLength: number,
  atime: bigint,
  mtime: bigint,
  timeFlags: number,
): void {
  const inode = existing(host, base(host, fd, RIGHT.pathFilestatSetTimes), flags, path, pathLength);
  setTimes(host.files, inode, atime, mtime, timeFlags);
}

export function pathLink(
  host: Host,
  oldFd: number,
  oldFlags: number,
  oldPath: number,
  oldLength: number,
  newFd: number,
  newPath: number,
  newLength: number,
): void {
  const { files, memory } = host;
  const oldBase = base(host, oldFd, RIGHT.pathLinkSource);
  const newBase = base(host, newFd, RIGHT.pathLinkTarget);
  const from = files.lookup(oldBase, memory.path(oldPath, oldLength), ending(oldFlags));
  files.createHardLink(from, newBase, memory.path(newPath, newLength));
}

export function pathReadlink(host: Host, fd: number, path: number, pathLength: number, buffer: number, size: number, result: number): void {
  const { memory } = host;
  const inode = existing(host, base(host, fd, RIGHT.pathReadlink), 0, path, pathLength);
  if (inode.type !== 'link') throw Errno.INVAL;
  const length = size >>> 0;
  const at = memory.check(buffer, length);
  memory.check(result, 4);
  const target = Buffer.from(inode.target).subarray(0, length);
  memory.bytes.set(target, at);
  memory.setU32(result, target.length);
}

export function pathRemoveDirectory(host: Host, fd: number, path: number, pathLength: number): void {
  host.files.removeDirectory(base(host, fd, RIGHT.pathRemoveDirectory), host.memory.path(path, pathLength));
}

export function pathRename(
  host: Host,
  oldFd: number,
  oldPath: number,
  oldLength: number,
  newFd: number,
  newPath: number,
  newLength: number,
): void {
  const { files, memory } = host;
  const oldBase = base(host, oldFd, RIGHT.pathRenameSource);
  const newBase = base(host, newFd, RIGHT.pathRenameTarget);
  files.rename(oldBase, memory.path(oldPath, oldLength), newBase, memory.path(newPath, newLength));
}

export function pathSymlink(host: Host, target: number, targetLength: number, fd: number, path: number, pathLength: number): void {
  const { files, memory } = host;
  files.createLink(memory.path(target, targetLength), base(host, fd, RIGHT.pathSymlink), memory.path(path, pathLength));
}

export function pathUnlinkFile(host: Host, fd: number, path: number, pathLength: number): void {
  host.files.removeFile(base(host, fd, RIGHT.pathUnlinkFile), host.memory.path(path, pathLength));
}

/** Throws EBADF, ENOTDIR, ENOTCAPABLE. */
export function directoryOf(host: Host, fd: number, right: number): DirectoryDescriptor {
  const descriptor = host.descriptors.get(fd);
  if (descriptor.kind !== 'directory') throw Errno.NOTDIR;
  need(descriptor, right);
  return descriptor;
}

function base(host: Host, fd: number, right: number): DirectoryInode {
  return directoryOf(host, fd, right).inode;
}

/** Throws EINVAL for unknown lookup flags. */
export function ending(flags: number): Ending {
  if ((flags & ~SYMLINK_FOLLOW) !== 0) throw Errno.INVAL;
  return (flags & SYMLINK_FOLLOW) === 0 ? 'keep' : 'follow';
}

function existing(host: Host, directory: DirectoryInode, flags: number, path: number, pathLength: number): Inode {
  const { inode } = host.files.lookup(directory, host.memory.path(path, pathLength), ending(flags));
  if (inode === undefined) throw Errno.NOENT;
  return inode;
}
