import type { ResourceType } from '../component/handles.ts';
import type { HostFunction, HostInterface } from '../component/host-interface.ts';
import * as Errno from '../files/errno.ts';
import { open } from '../files/open.ts';
import type { Inode } from '../files/inode.ts';
import { checkOffset, checkPath, Descriptor, type Flags } from './descriptor.ts';
import { EntryStream } from './entry-stream.ts';
import { FileInput, FileOutput } from './file-streams.ts';
import * as Type from './filesystem-types.ts';
import { MOST_READ } from './io.ts';
import { hashOf, setTimes, statOf, typeOf } from './metadata.ts';
import { err, isPreview2, ok, type System } from './system.ts';

/** `wasi:filesystem`, over the virtual files of the task: the same that preview 1 works on, with the same failures. A task without files has no preopened folder. */

const DESCRIPTOR: ResourceType = { name: 'descriptor', definer: undefined };
const ENTRY_STREAM: ResourceType = { name: 'directory-entry-stream', definer: undefined };

type Timestamp = Parameters<typeof setTimes>[2];

interface PathFlags {
  readonly symlinkFollow: boolean;
}

interface OpenFlags {
  readonly create: boolean;
  readonly directory: boolean;
  readonly exclusive: boolean;
  readonly truncate: boolean;
}

type Call = (system: System, ...args: never[]) => unknown;

/** A function that gives `result<gives, error-code>`, `_` for nothing. An `Errno` that it throws becomes the error. */
function method(takes: string, gives: string, call: Call): HostFunction<System> {
  return {
    type: `func(${takes}) -> result<${gives}, ${Type.ERROR_CODE}>`,
    call: (...args: Parameters<Call>) => {
      try {
        return ok(call(...args));
      } catch (error) {
        if (!(error instanceof Errno.Errno)) throw error;
        return err(Type.codeOf(error));
      }
    },
  };
}

function onDescriptor(
  takes: string,
  gives: string,
  call: (system: System, self: Descriptor, ...args: never[]) => unknown,
): HostFunction<System> {
  return method(takes === '' ? 'borrow<descriptor>' : `borrow<descriptor>, ${takes}`, gives, call);
}

function existing({ files }: System, { directory }: Descriptor, { symlinkFollow }: PathFlags, path: string): Inode {
  const { inode } = files.files.lookup(directory, checkPath(path), symlinkFollow ? 'follow' : 'keep');
  if (inode === undefined) throw Errno.NOENT;
  return inode;
}

function read(_: System, { readable }: Descriptor, length: bigint, offset: bigint): unknown {
  const { content } = readable.inode;
  const position = checkOffset(offset);
  const left = Math.max(0, content.size - position);
  const most = length < MOST_READ ? Number(length) : MOST_READ;
  const bytes = new Uint8Array(Math.min(most, left));
  const count = content.read(bytes, 0, bytes.length, position);
  return [bytes.subarray(0, count), count === left];
}

function write({ files }: System, { writable }: Descriptor, bytes: Uint8Array, offset: bigint): bigint {
  const { inode } = writable;
  const position = checkOffset(offset);
  if (bytes.length > 0) {
    inode.content.write(bytes, 0, bytes.length, position);
    files.files.changed(inode);
  }
  return BigInt(bytes.length);
}

/** There is nothing to prepare for. */
function advise(_: System, { file }: Descriptor, offset: bigint, length: bigint): void {
  void file;
  checkOffset(offset);
  checkOffset(length);
}

function setSize({ files, toll }: System, { writable }: Descriptor, size: bigint): void {
  const { inode } = writable;
  const before = inode.content.size;
  inode.content.resize(checkOffset(size));
  toll.bytes(Math.max(0, inode.content.size - before));
  files.files.changed(inode);
}

function openAt(
  { files }: System,
  { directory: base }: Descriptor,
  { symlinkFollow }: PathFlags,
  path: string,
  { create, directory, exclusive, truncate }: OpenFlags,
  flags: Flags,
): Descriptor {
  if (directory && (create || exclusive || truncate)) throw Errno.INVAL;
  files.checkRoom();
  const { write: toWrite } = flags;
  const inode = open(files.files, base, checkPath(path), { follow: symlinkFollow, create, directory, exclusive, truncate, write: toWrite });
  const isFile = inode.type === 'file';
  // As in preview 1 an open directory passes on all that can be done in it.
  return new Descriptor(files.open(inode), { ...flags, write: isFile && toWrite, mutateDirectory: !isFile });
}

function linkAt(
  { files: { files } }: System,
  { directory }: Descriptor,
  { symlinkFollow }: PathFlags,
  path: string,
  into: Descriptor,
  newPath: string,
): void {
  const from = files.lookup(directory, checkPath(path), symlinkFollow ? 'follow' : 'keep');
  files.createHardLink(from, into.directory, checkPath(newPath));
}

function readlinkAt(system: System, self: Descriptor, path: string): string {
  const inode = existing(system, self, { symlinkFollow: false }, path);
  if (inode.type !== 'link') throw Errno.INVAL;
  return inode.target;
}

/** Nothing is behind it that could be synchronized: a task's files reach a disk when it has ended. */
function nothing(): void {}

const METHODS: Readonly<Record<string, HostFunction<System>>> = {
  'read-via-stream': onDescriptor(
    'u64',
    'own<input-stream>',
    (_, { readable }, offset: bigint) => new FileInput(readable, checkOffset(offset)),
  ),
  'write-via-stream': onDescriptor(
    'u64',
    'own<output-stream>',
    ({ files }, { writable }, offset: bigint) => new FileOutput(writable, files.files, checkOffset(offset)),
  ),
  'append-via-stream': onDescriptor('', 'own<output-stream>', ({ files }, { writable }) => new FileOutput(writable, files.files, 'end')),
  advise: onDescriptor(`u64, u64, ${Type.ADVICE}`, '_', advise),
  'sync-data': onDescriptor('', '_', nothing),
  'get-flags': onDescriptor('', Type.DESCRIPTOR_FLAGS, (_, { flags }) => flags),
  'get-type': onDescriptor('', Type.DESCRIPTOR_TYPE, (_, { open: { inode } }) => typeOf(inode)),
  'set-size': onDescriptor('u64', '_', setSize),
  'set-times': onDescriptor(
    `${Type.NEW_TIMESTAMP}, ${Type.NEW_TIMESTAMP}`,
    '_',
    ({ files }, { open: { inode } }, access: Timestamp, modification: Timestamp) => setTimes(files.files, inode, access, modification),
  ),
  read: onDescriptor('u64, u64', 'tuple<list<u8>, bool>', read),
  write: onDescriptor('list<u8>, u64', 'u64', write),
  'read-directory': onDescriptor('', 'own<directory-entry-stream>', ({ files }, { directory }) => new EntryStream(files.files, directory)),
  sync: onDescriptor('', '_', nothing),
  'create-directory-at': onDescriptor('string', '_', ({ files }, { directory }, path: string) =>
    files.files.createDirectory(directory, checkPath(path)),
  ),
  stat: onDescriptor('', Type.DESCRIPTOR_STAT, (_, { open: { inode } }) => statOf(inode)),
  'stat-at': onDescriptor(`${Type.PATH_FLAGS}, string`, Type.DESCRIPTOR_STAT, (system, self, flags: PathFlags, path: string) =>
    statOf(existing(system, self, flags, path)),
  ),
  'set-times-at': onDescriptor(
    `${Type.PATH_FLAGS}, string, ${Type.NEW_TIMESTAMP}, ${Type.NEW_TIMESTAMP}`,
    '_',
    (system, self, flags: PathFlags, path: string, access: Timestamp, modification: Timestamp) =>
      setTimes(system.files.files, existing(system, self, flags, path), access, modification),
  ),
  'link-at': onDescriptor(`${Type.PATH_FLAGS}, string, borrow<descriptor>, string`, '_', linkAt),
  'open-at': onDescriptor(`${Type.PATH_FLAGS}, string, ${Type.OPEN_FLAGS}, ${Type.DESCRIPTOR_FLAGS}`, 'own<descriptor>', openAt),
  'readlink-at': onDescriptor('string', 'string', readlinkAt),
  'remove-directory-at': onDescriptor('string', '_', ({ files }, { directory }, path: string) =>
    files.files.removeDirectory(directory, checkPath(path)),
  ),
  'rename-at': onDescriptor(
    'string, borrow<descriptor>, string',
    '_',
    ({ files }, { directory }, path: string, into: Descriptor, newPath: string) =>
      files.files.rename(directory, checkPath(path), into.directory, checkPath(newPath)),
  ),
  'symlink-at': onDescriptor('string, string', '_', ({ files }, { directory }, target: string, path: string) =>
    files.files.createLink(checkPath(target), directory, checkPath(path)),
  ),
  'unlink-file-at': onDescriptor('string', '_', ({ files }, { directory }, path: string) =>
    files.files.removeFile(directory, checkPath(path)),
  ),
  'metadata-hash': onDescriptor('', Type.METADATA_HASH, (_, { open: { inode } }) => hashOf(inode)),
  'metadata-hash-at': onDescriptor(`${Type.PATH_FLAGS}, string`, Type.METADATA_HASH, (system, self, flags: PathFlags, path: string) =>
    hashOf(existing(system, self, flags, path)),
  ),
};

export const FILESYSTEM: readonly HostInterface<System>[] = [
  {
    name: 'wasi:filesystem/types',
    accepts: isPreview2,
    resources: { descriptor: DESCRIPTOR, 'directory-entry-stream': ENTRY_STREAM },
    functions: {
      ...Object.fromEntries(Object.entries(METHODS).map(([name, each]) => [`[method]descriptor.${name}`, each])),
      '[method]descriptor.is-same-object': {
        type: 'func(borrow<descriptor>, borrow<descriptor>) -> bool',
        call: (_: System, one: Descriptor, other: Descriptor) => one.open.inode === other.open.inode,
      },
      '[method]directory-entry-stream.read-directory-entry': method(
        'borrow<directory-entry-stream>',
        `option<${Type.DIRECTORY_ENTRY}>`,
        (_, entries: EntryStream) => entries.next(),
      ),
      'filesystem-error-code': {
        type: `func(borrow<error>) -> option<${Type.ERROR_CODE}>`,
        call: (_: System, errno: Errno.Errno) => Type.codeOf(errno),
      },
    },
  },
  {
    name: 'wasi:filesystem/preopens',
    accepts: isPreview2,
    resources: { descriptor: DESCRIPTOR },
    functions: {
      'get-directories': {
        type: 'func() -> list<tuple<own<descriptor>, string>>',
        call: ({ root }: System) => (root === undefined ? [] : [[new Descriptor(root, { read: true, mutateDirectory: true }), '/']]),
      },
    },
  },
];
