import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemCode } from '../../../src/errors.ts';
import { Errno } from '../../../src/sandbox/files/errno.ts';
import type { FileSystem } from '../../../src/sandbox/files/file-system.ts';
import type { Inode } from '../../../src/sandbox/files/inode.ts';
import { Bench } from '../wasi/helpers.ts';

/**
 * The same operations on the virtual file system and on the one of this machine: the same error or success after each,
 * the same files at the end. Paths never lead out of the folder, where the two differ by design.
 */

interface Operation {
  readonly name: string;
  real(root: string): unknown;
  virtual(files: FileSystem): unknown;
}

const lookUp = (files: FileSystem, path: string, follow: boolean): Inode => {
  const { inode } = files.lookup(files.root, path, follow ? 'follow' : 'keep');
  if (inode === undefined) throw new Errno('ENOENT', 44);
  return inode;
};

const describeInode = (inode: Inode): string =>
  inode.type === 'file' ? `file ${inode.content.size} ${inode.links}` : inode.type === 'link' ? `link ${inode.target}` : 'directory';

const describeReal = (path: string, stats: fs.Stats): string =>
  stats.isFile()
    ? `file ${stats.size} ${stats.nlink}`
    : stats.isSymbolicLink()
      ? `link ${fs.readlinkSync(path.replace(/\/+$/, ''))}`
      : 'directory';

const operations: Readonly<Record<string, (a: string, b: string, size: number) => Operation>> = {
  mkdir: (a) => ({
    name: `mkdir ${a}`,
    real: (root) => fs.mkdirSync(`${root}/${a}`),
    virtual: (files) => files.createDirectory(files.root, a),
  }),
  create: (a) => ({
    name: `create ${a}`,
    real: (root) => fs.closeSync(fs.openSync(`${root}/${a}`, fs.constants.O_RDONLY | fs.constants.O_CREAT)),
    virtual: (files) => {
      const place = files.lookupToCreate(files.root, a, 'follow');
      if (place.inode === undefined) files.createFile(place);
      else if (place.inode.type === 'directory') throw new Errno('EISDIR', 31);
    },
  }),
  truncate: (a, _b, size) => ({
    name: `truncate ${a} ${size}`,
    real: (root) => fs.truncateSync(`${root}/${a}`, size),
    virtual: (files) => {
      const inode = lookUp(files, a, true);
      if (inode.type !== 'file') throw new Errno('EISDIR', 31);
      inode.content.resize(size);
    },
  }),
  unlink: (a) => ({
    name: `unlink ${a}`,
    real: (root) => fs.unlinkSync(`${root}/${a}`),
    virtual: (files) => files.removeFile(files.root, a),
  }),
  rmdir: (a) => ({
    name: `rmdir ${a}`,
    real: (root) => fs.rmdirSync(`${root}/${a}`),
    virtual: (files) => files.removeDirectory(files.root, a),
  }),
  rename: (a, b) => ({
    name: `rename ${a} ${b}`,
    real: (root) => fs.renameSync(`${root}/${a}`, `${root}/${b}`),
    virtual: (files) => files.rename(files.root, a, files.root, b),
  }),
  link: (a, b) => ({
    name: `link ${a} ${b}`,
    real: (root) => fs.linkSync(`${root}/${a}`, `${root}/${b}`),
    virtual: (files) => files.createHardLink(files.lookup(files.root, a, 'keep'), files.root, b),
  }),
  symlink: (a, b) => ({
    name: `symlink ${a} ${b}`,
    real: (root) => fs.symlinkSync(a, `${root}/${b}`),
    virtual: (files) => files.createLink(a, files.root, b),
  }),
  readlink: (a) => ({
    name: `readlink ${a}`,
    real: (root) => fs.readlinkSync(`${root}/${a}`),
    virtual: (files) => {
      const inode = lookUp(files, a, false);
      if (inode.type !== 'link') throw new Errno('EINVAL', 28);
      return inode.target;
    },
  }),
  stat: (a) => ({
    name: `stat ${a}`,
    real: (root) => describeReal(`${root}/${a}`, fs.statSync(`${root}/${a}`)),
    virtual: (files) => describeInode(lookUp(files, a, true)),
  }),
  lstat: (a) => ({
    name: `lstat ${a}`,
    real: (root) => describeReal(`${root}/${a}`, fs.lstatSync(`${root}/${a}`)),
    virtual: (files) => describeInode(lookUp(files, a, false)),
  }),
};

const outcome = (work: () => unknown): string => {
  try {
    const value = work();
    return typeof value === 'string' ? value : 'done';
  } catch (error) {
    if (error instanceof Errno) return error.message;
    return systemCode(error) ?? String(error);
  }
};

function listReal(folder: string, prefix = ''): string[] {
  return fs
    .readdirSync(folder)
    .flatMap((name) => {
      const path = join(folder, name);
      const stats = fs.lstatSync(path);
      return [`${prefix}${name} ${describeReal(path, stats)}`, ...(stats.isDirectory() ? listReal(path, `${prefix}${name}/`) : [])];
    })
    .sort();
}

function listVirtual(files: FileSystem, directory = files.root, prefix = ''): string[] {
  return [...files.entries(directory).values()]
    .flatMap(({ name, inode }) => [
      `${prefix}${name} ${describeInode(inode)}`,
      ...(inode.type === 'directory' ? listVirtual(files, inode, `${prefix}${name}/`) : []),
    ])
    .sort();
}

const name = fc.constantFrom('a', 'b', 'c');
const part = fc.oneof({ weight: 8, arbitrary: name }, { weight: 1, arbitrary: fc.constant('.') });
/** `..` only behind names: `a/../b`. */
const path = fc
  .tuple(
    fc.constantFrom(1, 1, 1, 2, 2, 3),
    fc.array(part, { minLength: 3, maxLength: 3 }),
    fc.nat(5),
    fc.constantFrom('', '', '', '', '', '', '/', '//'),
  )
  .map(([length, all, up, end]) => {
    const parts = all.slice(0, length);
    return (up === 0 && length > 1 && parts[0] !== '.' ? [parts[0], '..', ...parts.slice(1)] : parts).join('/') + end;
  });

const operation = fc
  .tuple(fc.constantFrom(...Object.keys(operations), 'mkdir', 'mkdir', 'create'), path, path, name, fc.integer({ min: 0, max: 3 }))
  .map(([kind, a, b, target, size]) => (operations[kind] as (typeof operations)[string])(kind === 'symlink' ? target : a, b, size));

test(
  'behaves as the file system of this machine does',
  { skip: process.platform === 'linux' ? false : 'the errors are those of Linux' },
  () => {
    const check = fc.property(fc.array(operation, { minLength: 5, maxLength: 60 }), (sequence) => {
      using bench = new Bench();
      const root = fs.mkdtempSync(join(tmpdir(), 'docket-posix-'));
      try {
        const files = bench.files();
        const done: string[] = [];
        for (const each of sequence) {
          const real = outcome(() => each.real(root));
          const virtual = outcome(() => each.virtual(files));
          done.push(`${each.name}: ${real}`);
          // A path through a link may lead out of the folder here; the virtual one refuses, and no more can be compared.
          if (virtual === 'EPERM' && real !== 'EPERM') return;
          assert.equal(virtual, real, done.join('\n'));
        }
        assert.deepEqual(listVirtual(files), listReal(root), done.join('\n'));
      } finally {
        fs.rmSync(root, { recursive: true, force: true });
      }
    });
    fc.assert(check, { numRuns: 400 });
  },
);
