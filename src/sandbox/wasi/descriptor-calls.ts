import * as Errno from '../files/errno.ts';
import { ALL_FDFLAGS, FILETYPE, RIGHT, SIZE } from './abi.ts';
import type { Descriptor, FileDescriptor } from './descriptors.ts';
import type { Host } from './host.ts';
import { putFilestat, setTimes } from './stat.ts';

export function fdClose({ descriptors }: Host, fd: number): void {
  descriptors.close(fd);
}

export function fdRenumber({ descriptors }: Host, from: number, to: number): void {
  descriptors.renumber(from, to);
}

export function fdAdvise(host: Host, fd: number, offset: bigint, length: bigint, advice: number): void {
  fileOf(host, fd, RIGHT.fdAdvise);
  if (offset < 0n || length < 0n || advice >>> 0 > 5) throw Errno.INVAL;
}

export function fdAllocate(host: Host, fd: number, offset: bigint, length: bigint): void {
  const { inode } = fileOf(host, fd, RIGHT.fdAllocate);
  if (offset < 0n || length <= 0n) throw Errno.INVAL;
  const size = Number(offset) + Number(length);
  if (size <= inode.content.size) return;
  resize(host, inode, size);
}

export function fdDatasync({ descriptors }: Host, fd: number): void {
  checkSync(descriptors.get(fd), RIGHT.fdDatasync);
}

export function fdSync({ descriptors }: Host, fd: number): void {
  checkSync(descriptors.get(fd), RIGHT.fdSync);
}

export function fdFdstatGet({ descriptors, memory }: Host, fd: number, result: number): void {
  const descriptor = descriptors.get(fd);
  const at = memory.check(result, SIZE.fdstat);
  memory.bytes.fill(0, at, at + SIZE.fdstat);
  memory.view.setUint8(at, filetypeOf(descriptor));
  memory.view.setUint16(at + 2, descriptor.flags, true);
  memory.view.setBigUint64(at + 8, BigInt(descriptor.rights), true);
  memory.view.setBigUint64(at + 16, BigInt(descriptor.inheriting), true);
}

export function fdFdstatSetFlags({ descriptors }: Host, fd: number, flags: number): void {
  const descriptor = descriptors.get(fd);
  need(descriptor, RIGHT.fdFdstatSetFlags);
  if ((flags & ~ALL_FDFLAGS) !== 0) throw Errno.INVAL;
  descriptor.flags = flags;
}

/** Rights can only be given up. */
export function fdFdstatSetRights({ descriptors }: Host, fd: number, rights: bigint, inheriting: bigint): void {
  const descriptor = descriptors.get(fd);
  if ((BigInt.asUintN(64, rights) & ~BigInt(descriptor.rights)) !== 0n) throw Errno.NOTCAPABLE;
  if ((BigInt.asUintN(64, inheriting) & ~BigInt(descriptor.inheriting)) !== 0n) throw Errno.NOTCAPABLE;
  descriptor.rights = Number(rights);
  descriptor.inheriting = Number(inheriting);
}

export function fdFilestatGet(host: Host, fd: number, result: number): void {
  const descriptor = host.descriptors.get(fd);
  need(descriptor, RIGHT.fdFilestatGet);
  putFilestat(host, 'inode' in descriptor ? descriptor.inode : undefined, result);
}

export function fdFilestatSetSize(host: Host, fd: number, size: bigint): void {
  const descriptor = host.descriptors.get(fd);
  if (descriptor.kind === 'file' && (descriptor.rights & RIGHT.fdWrite) === 0) throw Errno.BADF;
  const { inode } = fileOf(host, fd, RIGHT.fdFilestatSetSize);
  if (size < 0n) throw Errno.INVAL;
  resize(host, inode, Number(size));
}

/** What a file gains is paid for when it is there: one that cannot be so large is the guest's to hear of. */
function resize({ files, toll }: Host, inode: FileDescriptor['inode'], size: number): void {
  const before = inode.content.size;
  inode.content.resize(size);
  toll.bytes(Math.max(0, size - before));
  files.changed(inode);
}

export function fdFilestatSetTimes(host: Host, fd: number, atime: bigint, mtime: bigint, flags: number): void {
  const descriptor = host.descriptors.get(fd);
  need(descriptor, RIGHT.fdFilestatSetTimes);
  if (!('inode' in descriptor)) throw Errno.BADF;
  setTimes(host.files, descriptor.inode, atime, mtime, flags);
}

export function fdPrestatGet({ descriptors, memory }: Host, fd: number, result: number): void {
  const name = preopenName(descriptors.get(fd));
  const at = memory.check(result, SIZE.prestat);
  memory.view.setUint32(at, 0, true);
  memory.view.setUint32(at + 4, name.length, true);
}

export function fdPrestatDirName({ descriptors, memory }: Host, fd: number, buffer: number, size: number): void {
  const name = preopenName(descriptors.get(fd));
  if (size >>> 0 < name.length) throw Errno.NAMETOOLONG;
  memory.bytes.set(name, memory.check(buffer, name.length));
}

/** Throws ENOTCAPABLE. */
export function need(descriptor: Descriptor, right: number): void {
  if ((descriptor.rights & right) === 0) throw Errno.NOTCAPABLE;
}

function fileOf(host: Host, fd: number, right: number): FileDescriptor {
  const descriptor = host.descriptors.get(fd);
  if (descriptor.kind === 'directory') throw Errno.BADF;
  if (descriptor.kind !== 'file') throw Errno.SPIPE;
  need(descriptor, right);
  return descriptor;
}

/** Nothing is behind it that could be synchronized: a task's files reach a disk when it has ended. */
function checkSync(descriptor: Descriptor, right: number): void {
  if (descriptor.kind === 'input' || descriptor.kind === 'output') throw Errno.INVAL;
  need(descriptor, right);
}

function filetypeOf(descriptor: Descriptor): number {
  if (descriptor.kind === 'file') return FILETYPE.file;
  return descriptor.kind === 'directory' ? FILETYPE.directory : FILETYPE.unknown;
}

function preopenName(descriptor: Descriptor): Uint8Array {
  if (descriptor.kind !== 'directory' || descriptor.preopen === undefined) throw Errno.BADF;
  return Buffer.from(descriptor.preopen);
}
