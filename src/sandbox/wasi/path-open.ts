import * as Errno from '../files/errno.ts';
import type { DirectoryInode, FileInode } from '../files/inode.ts';
import { open } from '../files/open.ts';
import { ALL_FDFLAGS, ALL_OFLAGS, DIRECTORY_RIGHTS, FDFLAG, FILE_RIGHTS, OFLAG, RIGHT } from './abi.ts';
import { need } from './descriptor-calls.ts';
import type { Descriptor, DirectoryDescriptor } from './descriptors.ts';
import type { Host } from './host.ts';
import { directoryOf, ending } from './path-calls.ts';

/**
 * `path_open`. The new descriptor gets of the rights asked for those that make sense for what was opened; asking for one of
 * these that the directory does not pass on is ENOTCAPABLE. Rights to inherit are silently cut to what the directory
 * passes on, since programs ask for all of them.
 */
export function pathOpen(
  host: Host,
  fd: number,
  lookupFlags: number,
  path: number,
  pathLength: number,
  oflags: number,
  rightsBase: bigint,
  rightsInheriting: bigint,
  fdflags: number,
  result: number,
): void {
  const { descriptors, files, memory } = host;
  const directory = directoryOf(host, fd, RIGHT.pathOpen);
  checkFlags(directory, oflags, fdflags);
  const text = memory.path(path, pathLength);
  memory.check(result, 4);
  descriptors.checkRoom();

  const rights = toRights(rightsBase);
  const inode = open(files, directory.inode, text, {
    follow: ending(lookupFlags) === 'follow',
    create: (oflags & OFLAG.creat) !== 0,
    exclusive: (oflags & OFLAG.excl) !== 0,
    truncate: (oflags & OFLAG.trunc) !== 0,
    directory: (oflags & OFLAG.directory) !== 0,
    write: (rights & RIGHT.fdWrite) !== 0,
    permit: (type) => checkRights(directory, rights & (type === 'file' ? FILE_RIGHTS : DIRECTORY_RIGHTS)),
  });
  const inheriting = toRights(rightsInheriting) & directory.inheriting;
  memory.setU32(result, descriptors.add(describe(inode, rights, inheriting, fdflags)));
}

function describe(inode: FileInode | DirectoryInode, rights: number, inheriting: number, flags: number): Descriptor {
  if (inode.type === 'file') return { kind: 'file', inode, position: 0, rights: rights & FILE_RIGHTS, inheriting: 0, flags };
  return { kind: 'directory', inode, preopen: undefined, rights: rights & DIRECTORY_RIGHTS, inheriting, flags };
}

function checkFlags(directory: DirectoryDescriptor, oflags: number, fdflags: number): void {
  if ((oflags & ~ALL_OFLAGS) !== 0 || (fdflags & ~ALL_FDFLAGS) !== 0) throw Errno.INVAL;
  if ((oflags & OFLAG.directory) !== 0 && (oflags & (OFLAG.creat | OFLAG.excl | OFLAG.trunc)) !== 0) throw Errno.INVAL;
  if ((oflags & OFLAG.creat) !== 0) need(directory, RIGHT.pathCreateFile);
  if ((oflags & OFLAG.trunc) !== 0) need(directory, RIGHT.pathFilestatSetSize);
  if ((fdflags & FDFLAG.dsync) !== 0) checkRights(directory, RIGHT.fdDatasync);
  if ((fdflags & (FDFLAG.rsync | FDFLAG.sync)) !== 0) checkRights(directory, RIGHT.fdSync);
}

function checkRights(directory: DirectoryDescriptor, rights: number): void {
  if ((rights & ~directory.inheriting) !== 0) throw Errno.NOTCAPABLE;
}

/** The defined ones of 64 bits. */
function toRights(rights: bigint): number {
  return Number(BigInt.asUintN(30, rights));
}
