import type { Content } from '../files/content.ts';
import * as Errno from '../files/errno.ts';
import { FDFLAG, RIGHT, SIZE, WHENCE } from './abi.ts';
import type { Descriptor, FileDescriptor } from './descriptors.ts';
import type { GuestMemory } from './guest-memory.ts';
import { type Host, ITEM_WEIGHT } from './host.ts';

/** As on Linux. */
const MAX_IOVECS = 1024;
/** The largest count that fits the guest's `ssize_t`. */
const MAX_COUNT = 0x7fff_ffff;

export function fdRead(host: Host, fd: number, iovs: number, iovsLength: number, result: number): void {
  const { memory } = host;
  const descriptor = readable(host, fd);
  memory.check(result, 4);
  checkIovecs(host, iovs, iovsLength);
  const count = readInto(host, contentOf(descriptor), iovs, iovsLength, descriptor.position);
  descriptor.position += count;
  memory.setU32(result, count);
}

export function fdPread(host: Host, fd: number, iovs: number, iovsLength: number, offset: bigint, result: number): void {
  const { memory } = host;
  const descriptor = seekable(readable(host, fd));
  memory.check(result, 4);
  checkIovecs(host, iovs, iovsLength);
  const count = readInto(host, contentOf(descriptor), iovs, iovsLength, positionOf(offset));
  memory.setU32(result, count);
}

export function fdWrite(host: Host, fd: number, iovs: number, iovsLength: number, result: number): void {
  const { memory } = host;
  const descriptor = writable(host, fd);
  memory.check(result, 4);
  const count = checkIovecs(host, iovs, iovsLength);
  host.toll.bytes(count);
  if (descriptor.kind === 'output') {
    writeFrom(memory, descriptor.content, iovs, iovsLength, descriptor.content.size);
    descriptor.wrote();
  } else {
    const { content } = descriptor.inode;
    const position = (descriptor.flags & FDFLAG.append) !== 0 ? content.size : descriptor.position;
    writeFrom(memory, content, iovs, iovsLength, position);
    descriptor.position = position + count;
    if (count > 0) host.files.changed(descriptor.inode);
  }
  memory.setU32(result, count);
}

export function fdPwrite(host: Host, fd: number, iovs: number, iovsLength: number, offset: bigint, result: number): void {
  const { memory } = host;
  const descriptor = seekable(writable(host, fd));
  memory.check(result, 4);
  const count = checkIovecs(host, iovs, iovsLength);
  host.toll.bytes(count);
  writeFrom(memory, descriptor.inode.content, iovs, iovsLength, positionOf(offset));
  if (count > 0) host.files.changed(descriptor.inode);
  memory.setU32(result, count);
}

export function fdSeek(host: Host, fd: number, offset: bigint, whence: number, result: number): void {
  const { memory } = host;
  const descriptor = seekable(host.descriptors.get(fd));
  const telling = whence === WHENCE.current && offset === 0n;
  if ((descriptor.rights & (telling ? RIGHT.fdSeek | RIGHT.fdTell : RIGHT.fdSeek)) === 0) throw Errno.NOTCAPABLE;
  memory.check(result, 8);
  const position = startOf(descriptor, whence) + Number(offset);
  if (position < 0) throw Errno.INVAL;
  if (position > Number.MAX_SAFE_INTEGER) throw Errno.OVERFLOW;
  descriptor.position = position;
  memory.setU64(result, BigInt(position));
}

export function fdTell(host: Host, fd: number, result: number): void {
  const descriptor = seekable(host.descriptors.get(fd));
  if ((descriptor.rights & (RIGHT.fdSeek | RIGHT.fdTell)) === 0) throw Errno.NOTCAPABLE;
  host.memory.setU64(result, BigInt(descriptor.position));
}

function startOf(descriptor: FileDescriptor, whence: number): number {
  if (whence === WHENCE.set) return 0;
  if (whence === WHENCE.current) return descriptor.position;
  if (whence === WHENCE.end) return descriptor.inode.content.size;
  throw Errno.INVAL;
}

type Readable = Descriptor & { readonly kind: 'file' | 'input' };
type Writable = Descriptor & { readonly kind: 'file' | 'output' };

/** Not opened for reading is EBADF, as POSIX has it, rather than ENOTCAPABLE. */
function readable(host: Host, fd: number): Readable {
  const descriptor = host.descriptors.get(fd);
  if (descriptor.kind === 'directory') throw Errno.ISDIR;
  if (descriptor.kind === 'output' || (descriptor.rights & RIGHT.fdRead) === 0) throw Errno.BADF;
  return descriptor;
}

function writable(host: Host, fd: number): Writable {
  const descriptor = host.descriptors.get(fd);
  if (descriptor.kind === 'directory' || descriptor.kind === 'input' || (descriptor.rights & RIGHT.fdWrite) === 0) throw Errno.BADF;
  return descriptor;
}

function seekable(descriptor: Descriptor): FileDescriptor {
  if (descriptor.kind === 'file') return descriptor;
  throw descriptor.kind === 'directory' ? Errno.BADF : Errno.SPIPE;
}

function contentOf(descriptor: Readable): Content {
  return descriptor.kind === 'file' ? descriptor.inode.content : descriptor.content;
}

/** An offset as signed 64 bits came over the border; beyond what a number holds there is no byte anyway. */
function positionOf(offset: bigint): number {
  if (offset < 0n) throw Errno.INVAL;
  return Number(offset);
}

/** Checks the vector and all it points to before anything is moved; gives the sum of the lengths. Throws EFAULT, EINVAL. */
function checkIovecs({ memory, toll }: Host, iovs: number, iovsLength: number): number {
  const count = iovsLength >>> 0;
  if (count > MAX_IOVECS) throw Errno.INVAL;
  toll.bytes(count * ITEM_WEIGHT);
  let at = memory.check(iovs, count * SIZE.iovec);
  let total = 0;
  for (let i = 0; i < count; i++, at += SIZE.iovec) {
    const length = memory.view.getUint32(at + 4, true);
    memory.check(memory.view.getUint32(at, true), length);
    total += length;
  }
  if (total > MAX_COUNT) throw Errno.INVAL;
  return total;
}

function readInto({ memory, toll }: Host, content: Content, iovs: number, iovsLength: number, position: number): number {
  const { bytes, view } = memory;
  let at = iovs >>> 0;
  let done = 0;
  for (let i = iovsLength >>> 0; i > 0; i--, at += SIZE.iovec) {
    const length = view.getUint32(at + 4, true);
    const count = content.read(bytes, view.getUint32(at, true), length, position + done);
    done += count;
    if (count < length) break;
  }
  toll.bytes(done);
  return done;
}

function writeFrom(memory: GuestMemory, content: Content, iovs: number, iovsLength: number, position: number): void {
  const { bytes, view } = memory;
  let at = iovs >>> 0;
  let done = 0;
  for (let i = iovsLength >>> 0; i > 0; i--, at += SIZE.iovec) {
    const length = view.getUint32(at + 4, true);
    content.write(bytes, view.getUint32(at, true), length, position + done);
    done += length;
  }
}
