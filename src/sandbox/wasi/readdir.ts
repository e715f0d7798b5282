import { FIRST_COOKIE, seekCookie, type DirectoryInode, type Entry, type Inode } from '../files/inode.ts';
import { RIGHT, SIZE } from './abi.ts';
import type { GuestMemory } from './guest-memory.ts';
import { type Host, ITEM_WEIGHT } from './host.ts';
import { directoryOf } from './path-calls.ts';
import { filetypeOf } from './stat.ts';

/**
 * `fd_readdir`: `.` and `..`, then the entries in the order they were made (mounted ones by name). A cookie stands for the
 * same entry as long as it exists, whatever is added or removed meanwhile. The last record may be cut short; a result equal
 * to the buffer's size means that there is more.
 */
export function fdReaddir(host: Host, fd: number, buffer: number, size: number, cookie: bigint, result: number): void {
  const { memory } = host;
  const { inode } = directoryOf(host, fd, RIGHT.fdReaddir);
  const length = size >>> 0;
  const start = memory.check(buffer, length);
  memory.check(result, 4);
  let at = start;
  for (const [name, listed, next] of listing(host, inode, Number(BigInt.asUintN(64, cookie)))) {
    at = putDirent(memory, at, start + length, name, listed, next);
    if (at === start + length) break;
  }
  memory.setU32(result, at - start);
}

function* listing({ files, toll }: Host, directory: DirectoryInode, cookie: number): Generator<[name: string, inode: Inode, next: number]> {
  files.entries(directory);
  if (cookie < 1) yield ['.', directory, 1];
  if (cookie < 2) yield ['..', directory.parent, FIRST_COOKIE];
  const { order } = directory;
  for (let i = seekCookie(directory, cookie); i < order.length; i++) {
    const entry = order[i] as Entry;
    toll.bytes(ITEM_WEIGHT + entry.name.length);
    if (!entry.removed) yield [entry.name, entry.inode, entry.cookie + 1];
  }
}

const header = (): DataView => new DataView(new ArrayBuffer(SIZE.dirent));

/** Writes as much of a record as fits before `end`; gives where it stopped. */
function putDirent(memory: GuestMemory, at: number, end: number, name: string, inode: Inode, next: number): number {
  const text = Buffer.from(name);
  const record = header();
  record.setBigUint64(0, BigInt(next), true);
  record.setBigUint64(8, BigInt(inode.number), true);
  record.setUint32(16, text.length, true);
  record.setUint8(20, filetypeOf(inode));
  const head = new Uint8Array(record.buffer).subarray(0, end - at);
  memory.bytes.set(head, at);
  const tail = text.subarray(0, end - at - head.length);
  memory.bytes.set(tail, at + head.length);
  return at + head.length + tail.length;
}
