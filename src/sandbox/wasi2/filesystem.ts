import type { ResourceType } from '../component/handles.ts';
import type { HostFunction, HostInterface } from '../component/host-interface.ts';
import { trap } from '../component/trap.ts';
import { isPreview2, type System } from './system.ts';

/**
 * `wasi:filesystem` for tasks that have no files, which is what tasks of `wasm/run` are: no folder is open at the start, and every way to another file
 * begins at an open folder. So nothing here can be called with a descriptor, and what takes one only has to be there to be linked to.
 */

const DESCRIPTOR: ResourceType = { name: 'descriptor', definer: undefined };
const ENTRY_STREAM: ResourceType = { name: 'directory-entry-stream', definer: undefined };

const METHODS = [
  'advise',
  'append-via-stream',
  'create-directory-at',
  'get-flags',
  'get-type',
  'is-same-object',
  'link-at',
  'metadata-hash',
  'metadata-hash-at',
  'open-at',
  'read',
  'read-directory',
  'read-via-stream',
  'readlink-at',
  'remove-directory-at',
  'rename-at',
  'set-size',
  'set-times',
  'set-times-at',
  'stat',
  'stat-at',
  'symlink-at',
  'sync',
  'sync-data',
  'unlink-file-at',
  'write',
  'write-via-stream',
];

/** Of any type, since it never returns. */
const NO_DESCRIPTOR: HostFunction<System> = {
  type: undefined,
  call: () => {
    throw trap('there is no descriptor to call this with');
  },
};

const ERROR_CODE =
  'enum { access, would-block, already, bad-descriptor, busy, deadlock, quota, exist, file-too-large, illegal-byte-sequence, in-progress, interrupted, ' +
  'invalid, io, is-directory, loop, too-many-links, message-size, name-too-long, no-device, no-entry, no-lock, insufficient-memory, insufficient-space, ' +
  'not-directory, not-empty, not-recoverable, unsupported, no-tty, no-such-device, overflow, not-permitted, pipe, read-only, invalid-seek, text-file-busy, ' +
  'cross-device }';

export const FILESYSTEM: readonly HostInterface<System>[] = [
  {
    name: 'wasi:filesystem/types',
    accepts: isPreview2,
    resources: { descriptor: DESCRIPTOR, 'directory-entry-stream': ENTRY_STREAM },
    functions: {
      ...Object.fromEntries(METHODS.map((name) => [`[method]descriptor.${name}`, NO_DESCRIPTOR])),
      '[method]directory-entry-stream.read-directory-entry': NO_DESCRIPTOR,
      'filesystem-error-code': { type: `func(borrow<error>) -> option<${ERROR_CODE}>`, call: () => undefined },
    },
  },
  {
    name: 'wasi:filesystem/preopens',
    accepts: isPreview2,
    resources: { descriptor: DESCRIPTOR },
    functions: { 'get-directories': { type: 'func() -> list<tuple<own<descriptor>, string>>', call: () => [] } },
  },
];
