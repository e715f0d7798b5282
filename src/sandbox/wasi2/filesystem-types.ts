import type { Errno } from '../files/errno.ts';
import * as ErrnoModule from '../files/errno.ts';

/** The types of `wasi:filesystem` 0.2, as `signatureText` writes them. https://github.com/WebAssembly/WASI/tree/v0.2.3/wasip2/filesystem */

const ERROR_CODES = [
  'access',
  'would-block',
  'already',
  'bad-descriptor',
  'busy',
  'deadlock',
  'quota',
  'exist',
  'file-too-large',
  'illegal-byte-sequence',
  'in-progress',
  'interrupted',
  'invalid',
  'io',
  'is-directory',
  'loop',
  'too-many-links',
  'message-size',
  'name-too-long',
  'no-device',
  'no-entry',
  'no-lock',
  'insufficient-memory',
  'insufficient-space',
  'not-directory',
  'not-empty',
  'not-recoverable',
  'unsupported',
  'no-tty',
  'no-such-device',
  'overflow',
  'not-permitted',
  'pipe',
  'read-only',
  'invalid-seek',
  'text-file-busy',
  'cross-device',
] as const;

type ErrorCode = (typeof ERROR_CODES)[number];

export const ERROR_CODE = `enum { ${ERROR_CODES.join(', ')} }`;
export const ADVICE = 'enum { normal, sequential, random, will-need, dont-need, no-reuse }';
export const DESCRIPTOR_TYPE = 'enum { unknown, block-device, character-device, directory, fifo, symbolic-link, regular-file, socket }';
export const DESCRIPTOR_FLAGS = 'flags { read, write, file-integrity-sync, data-integrity-sync, requested-write-sync, mutate-directory }';
export const PATH_FLAGS = 'flags { symlink-follow }';
export const OPEN_FLAGS = 'flags { create, directory, exclusive, truncate }';
const DATETIME = 'record { seconds: u64, nanoseconds: u32 }';
export const NEW_TIMESTAMP = `variant { no-change, now, timestamp(${DATETIME}) }`;
export const METADATA_HASH = 'record { lower: u64, upper: u64 }';
export const DIRECTORY_ENTRY = `record { type: ${DESCRIPTOR_TYPE}, name: string }`;
export const DESCRIPTOR_STAT =
  `record { type: ${DESCRIPTOR_TYPE}, link-count: u64, size: u64, data-access-timestamp: option<${DATETIME}>, ` +
  `data-modification-timestamp: option<${DATETIME}>, status-change-timestamp: option<${DATETIME}> }`;

/** Too many open files has no code of its own; `quota` is what goes over a limit that was set. */
const CODES: ReadonlyMap<Errno, ErrorCode> = new Map<Errno, ErrorCode>([
  [ErrnoModule.BADF, 'bad-descriptor'],
  [ErrnoModule.BUSY, 'busy'],
  [ErrnoModule.EXIST, 'exist'],
  [ErrnoModule.FBIG, 'file-too-large'],
  [ErrnoModule.ILSEQ, 'illegal-byte-sequence'],
  [ErrnoModule.INVAL, 'invalid'],
  [ErrnoModule.ISDIR, 'is-directory'],
  [ErrnoModule.LOOP, 'loop'],
  [ErrnoModule.MFILE, 'quota'],
  [ErrnoModule.NAMETOOLONG, 'name-too-long'],
  [ErrnoModule.NOENT, 'no-entry'],
  [ErrnoModule.NOTDIR, 'not-directory'],
  [ErrnoModule.NOTEMPTY, 'not-empty'],
  [ErrnoModule.OVERFLOW, 'overflow'],
  [ErrnoModule.PERM, 'not-permitted'],
]);

/** All that the virtual files fail with has a code; the errors of descriptor numbers and addresses, which only preview 1 has, do not come here. */
export function codeOf(errno: Errno): ErrorCode {
  return CODES.get(errno) ?? 'io';
}
