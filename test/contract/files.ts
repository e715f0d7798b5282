import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { MountEntry } from '../../src/sandbox/files/mount.ts';

/**
 * A guest that works on its files by one version of WASI. Descriptors are what the version has for them; failures are the names that POSIX has. Where no `base` is
 * given it is the root.
 */
export interface FileGuest<D> extends Disposable {
  readonly root: D;
  open(path: string, how?: How<D>): D | string;
  close(file: D): string;
  /** The text; a failure in angle brackets. */
  read(file: D, length: number, offset: bigint): string;
  write(file: D, text: string, offset: bigint): number | string;
  /** At the end, whatever it is. */
  append(file: D, text: string): number | string;
  resize(file: D, size: bigint): string;
  makeDirectory(path: string, base?: D): string;
  removeDirectory(path: string, base?: D): string;
  removeFile(path: string, base?: D): string;
  rename(from: string, to: string, bases?: readonly [D, D]): string;
  makeLink(target: string, path: string): string;
  hardLink(from: string, to: string, follow?: boolean): string;
  /** The target; a failure in angle brackets. */
  readLink(path: string): string;
  /** Names but `.` and `..`, in the order they are told. */
  list(directory: D): readonly string[] | string;
  stat(path: string, follow?: boolean): FileStat | string;
  statOf(file: D): FileStat | string;
  /** Nanoseconds since 1970, `now`, or undefined to leave a time as it is. */
  setTimes(path: string, access: Time, modification: Time): string;
}

export type Time = bigint | 'now' | undefined;

export interface How<D> {
  readonly base?: D;
  readonly create?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
  readonly directory?: boolean;
  /** Default true. */
  readonly read?: boolean;
  readonly write?: boolean;
  /** Default true. */
  readonly follow?: boolean;
}

export interface FileStat {
  readonly type: 'file' | 'directory' | 'link';
  /** What tells it from other files. */
  readonly number: bigint;
  readonly links: bigint;
  readonly size: bigint;
  readonly accessed: bigint;
  readonly modified: bigint;
  readonly changed: bigint;
}

export interface Making {
  readonly mounts?: Readonly<Record<string, MountEntry>>;
  readonly openFiles?: number;
  readonly output?: number;
}

const text = (content: string): MountEntry => ({ bytes: Buffer.from(content) });
const WRITING = { create: true, write: true } as const;
const EPOCH = 946_684_800_000_000_000n;

/** What files are like, by whichever version of WASI a guest asks. */
export function filesContract<D>(name: string, make: (options?: Making) => FileGuest<D>): void {
  suite(`files contract: ${name}`, () => {
    const check = (what: string, options: Making, body: (guest: FileGuest<D>) => void): void => {
      test(what, () => {
        using guest = make(options);
        body(guest);
      });
    };
    const opened = (guest: FileGuest<D>, path: string, how?: How<D>): D => {
      const file = guest.open(path, how);
      if (typeof file === 'string') assert.fail(`${path}: ${file}`);
      return file;
    };
    const statOf = (guest: FileGuest<D>, path: string, follow = true): FileStat => {
      const stat = guest.stat(path, follow);
      if (typeof stat === 'string') assert.fail(`${path}: ${stat}`);
      return stat;
    };

    const tree = {
      'd/e/f': text('deep'),
      file: text('0123456789'),
      toFile: { link: 'file' },
      toDir: { link: 'd' },
      up: { link: '..' },
      abs: { link: '/d/e' },
      loop: { link: 'loop' },
      dangling: { link: 'nowhere' },
    };

    check('paths do not leave the directory they start from', { mounts: tree }, (guest) => {
      for (const path of ['/', '/d', '//d', '..', '../d', 'd/../..', 'd/e/../../../d', 'up', 'up/d', 'd/./../../x']) {
        assert.equal(guest.open(path), 'EPERM', path);
        assert.equal(guest.stat(path), 'EPERM', path);
        assert.equal(guest.makeDirectory(path), path === 'up' ? 'EEXIST' : 'EPERM', path);
        assert.equal(guest.removeDirectory(path), path === 'up' ? 'ENOTDIR' : 'EPERM', path);
      }
      for (const path of ['d/..', 'd/e/../..', './d/../d/e/..', 'abs/../e/f']) opened(guest, path);
      const d = opened(guest, 'd', { directory: true });
      assert.equal(guest.open('../file', { base: d }), 'EPERM');
      assert.equal(guest.rename('../file', 'x', [d, guest.root]), 'EPERM');
      assert.equal(guest.rename('e', '../x', [d, d]), 'EPERM');
      opened(guest, 'e/..', { base: d });
    });

    check('paths are of bounded length, without NUL, and not empty', {}, (guest) => {
      assert.equal(guest.makeDirectory('a\0b'), 'EINVAL');
      assert.equal(guest.makeDirectory(''), 'ENOENT');
      assert.equal(guest.makeDirectory('x'.repeat(256)), 'ENAMETOOLONG');
      assert.equal(guest.makeDirectory('ü'.repeat(128)), 'ENAMETOOLONG');
      assert.equal(guest.makeDirectory('ü'.repeat(127)), 'OK');
      assert.equal(guest.makeDirectory(`${'./'.repeat(2047)}y`), 'OK');
      assert.equal(guest.makeDirectory(`${'./'.repeat(2048)}z`), 'ENAMETOOLONG');
      assert.equal(guest.makeLink('x'.repeat(4097), 'l'), 'ENAMETOOLONG');
      assert.deepEqual(guest.list(guest.root), ['ü'.repeat(127), 'y']);
    });

    check('open: what is there, what is made, and what does not go together', { mounts: tree }, (guest) => {
      assert.equal(guest.open('missing'), 'ENOENT');
      assert.equal(guest.open('file/x'), 'ENOTDIR');
      assert.equal(guest.open('file/'), 'ENOTDIR');
      assert.equal(guest.open('file', { directory: true }), 'ENOTDIR');
      assert.equal(guest.open('file', { create: true, exclusive: true, write: true }), 'EEXIST');
      assert.equal(guest.open('dangling', { create: true, exclusive: true, write: true }), 'EEXIST');
      assert.equal(guest.open('d', { write: true }), 'EISDIR');
      assert.equal(guest.open('d', WRITING), 'EISDIR');
      assert.equal(guest.open('new/', WRITING), 'EISDIR');
      assert.equal(guest.open('toFile', { follow: false }), 'ELOOP');
      assert.equal(guest.open('loop'), 'ELOOP');
      for (const extra of ['create', 'exclusive', 'truncate'])
        assert.equal(guest.open('d', { directory: true, [extra]: true }), 'EINVAL', extra);
      assert.equal(guest.stat('new'), 'ENOENT', 'nothing was made');
      opened(guest, 'dangling', WRITING);
      assert.equal(statOf(guest, 'nowhere').size, 0n, 'made where the link points');
      opened(guest, 'fresh', { ...WRITING, exclusive: true });
      assert.equal(guest.read(opened(guest, 'toFile'), 20, 0n), '0123456789');
      opened(guest, 'file', { truncate: true, write: true });
      assert.equal(statOf(guest, 'file').size, 0n);
    });

    check('what was not asked for at open is EBADF', { mounts: tree }, (guest) => {
      const reader = opened(guest, 'file');
      const writer = opened(guest, 'file', { read: false, write: true });
      const directory = opened(guest, 'd', { directory: true });
      assert.equal(guest.write(reader, 'x', 0n), 'EBADF');
      assert.equal(guest.resize(reader, 1n), 'EBADF');
      assert.equal(guest.read(writer, 1, 0n), '<EBADF>');
      assert.equal(guest.read(directory, 1, 0n), '<EISDIR>');
      assert.equal(guest.write(directory, 'x', 0n), 'EBADF');
      assert.equal(guest.resize(directory, 1n), 'EBADF');
      assert.equal(guest.list(reader), 'ENOTDIR');
      assert.equal(guest.open('x', { base: reader }), 'ENOTDIR');
      assert.equal(guest.makeDirectory('x', reader), 'ENOTDIR');
    });

    check('bytes: holes, ends, sizes; inputs are copied on write', { mounts: { ...tree, other: text('untouched') } }, (guest) => {
      const file = opened(guest, 'file', { write: true });
      assert.equal(guest.write(file, 'AB', 3n), 2);
      assert.equal(guest.read(file, 100, 0n), '012AB56789');
      assert.equal(guest.read(file, 4, 8n), '89');
      assert.equal(guest.read(file, 4, 10n), '');
      assert.equal(guest.read(file, 4, 1n << 40n), '');
      assert.equal(guest.append(file, 'end'), 3);
      assert.equal(guest.write(file, 'z', 15n), 1);
      assert.equal(guest.read(file, 100, 10n), 'end\0\0z');
      assert.equal(guest.resize(file, 4n), 'OK');
      assert.equal(guest.resize(file, 6n), 'OK');
      assert.equal(guest.read(file, 100, 0n), '012A\0\0');
      assert.equal(guest.write(file, '', 99n), 0);
      assert.equal(statOf(guest, 'file').size, 6n, 'writing nothing makes nothing longer');
      for (const beyond of [-1n, 1n << 63n]) assert.equal(guest.resize(file, beyond), 'EINVAL');
      assert.equal(guest.read(file, 1, 1n << 63n), '<EINVAL>');
      assert.equal(guest.write(file, 'x', 1n << 63n), 'EINVAL');
      assert.equal(guest.write(file, 'x', (1n << 53n) + 1n), 'EFBIG');
      assert.equal(guest.resize(file, 1n << 60n), 'EFBIG');
      assert.equal(guest.read(opened(guest, 'other'), 100, 0n), 'untouched');
    });

    check('directories: made, removed, listed in the order they were made', { mounts: { 's/b': text(''), 's/a': text('') } }, (guest) => {
      assert.equal(guest.makeDirectory('d'), 'OK');
      assert.equal(guest.makeDirectory('d'), 'EEXIST');
      assert.equal(guest.makeDirectory('missing/x'), 'ENOENT');
      const d = opened(guest, 'd', { directory: true });
      for (const each of ['z', 'y', 'x']) opened(guest, each, { ...WRITING, base: d });
      assert.deepEqual(guest.list(d), ['z', 'y', 'x']);
      assert.equal(guest.removeFile('y', d), 'OK');
      assert.equal(guest.makeDirectory('y', d), 'OK');
      assert.deepEqual(guest.list(d), ['z', 'x', 'y']);
      assert.deepEqual(guest.list(opened(guest, 's', { directory: true })), ['a', 'b'], 'inputs by name');
      assert.equal(guest.removeDirectory('d'), 'ENOTEMPTY');
      assert.equal(guest.removeDirectory('d/x'), 'ENOTDIR');
      assert.equal(guest.removeDirectory('.'), 'EINVAL');
      assert.equal(guest.removeFile('d'), 'EISDIR');
      for (const each of ['z', 'x']) assert.equal(guest.removeFile(each, d), 'OK');
      assert.equal(guest.removeDirectory('y', d), 'OK');
      assert.equal(guest.removeDirectory('d'), 'OK');
      assert.deepEqual(guest.list(d), []);
      assert.equal(guest.open('late', { ...WRITING, base: d }), 'ENOENT', 'it has no place any more');
    });

    check(
      'rename: files, directories, what is in the way',
      { mounts: { ...tree, 'full/x': text('x'), empty: { directory: true } } },
      (guest) => {
        assert.equal(guest.rename('missing', 'x'), 'ENOENT');
        assert.equal(guest.rename('file', 'd'), 'EISDIR');
        assert.equal(guest.rename('d', 'file'), 'ENOTDIR');
        assert.equal(guest.rename('d', 'full'), 'ENOTEMPTY');
        assert.equal(guest.rename('d', 'd/e/inside'), 'EINVAL');
        assert.equal(guest.rename('.', 'x'), 'EBUSY');
        assert.equal(guest.rename('file', 'x/'), 'ENOTDIR');
        const d = opened(guest, 'd', { directory: true });
        assert.equal(guest.rename('d', 'empty'), 'OK');
        assert.equal(guest.rename('file', 'moved', [guest.root, d]), 'OK');
        assert.equal(guest.read(opened(guest, 'empty/moved'), 10, 0n), '0123456789');
        assert.equal(guest.rename('toFile', 'full/x'), 'OK');
        assert.equal(guest.readLink('full/x'), 'file', 'a link is moved, not what it names');
        assert.equal(guest.stat('d'), 'ENOENT');
      },
    );

    check('links: symbolic and hard', { mounts: tree }, (guest) => {
      assert.equal(guest.makeLink('file', 'l'), 'OK');
      assert.equal(guest.makeLink('file', 'l'), 'EEXIST');
      assert.equal(guest.makeLink('', 'none'), 'ENOENT');
      assert.equal(guest.makeLink('/etc/passwd', 'outside'), 'OK');
      assert.equal(guest.stat('outside'), 'ENOENT', 'there is no other root than its own');
      assert.equal(guest.readLink('l'), 'file');
      assert.equal(guest.readLink('file'), '<EINVAL>');
      assert.equal(guest.readLink('toDir/'), '<EINVAL>', 'the directory behind it');
      assert.deepEqual([statOf(guest, 'l', false).type, statOf(guest, 'l', false).size, statOf(guest, 'l').type], ['link', 4n, 'file']);
      assert.equal(guest.hardLink('file', 'again'), 'OK');
      assert.equal(statOf(guest, 'again').links, 2n);
      assert.equal(statOf(guest, 'again').number, statOf(guest, 'file').number);
      assert.equal(guest.hardLink('d', 'again2'), 'EPERM');
      assert.equal(guest.hardLink('missing', 'x'), 'ENOENT');
      assert.equal(guest.hardLink('toFile', 'theLink', false), 'OK');
      assert.equal(guest.readLink('theLink'), 'file');
      assert.equal(guest.hardLink('toFile', 'theFile', true), 'OK');
      assert.equal(statOf(guest, 'file').links, 3n);
    });

    check('a file that is open outlives its name', { mounts: tree }, (guest) => {
      const file = opened(guest, 'file', { write: true });
      assert.equal(guest.removeFile('file'), 'OK');
      assert.equal(guest.stat('file'), 'ENOENT');
      assert.equal(guest.append(file, '!'), 1);
      assert.equal(guest.read(file, 20, 8n), '89!');
      const stat = guest.statOf(file);
      assert.ok(typeof stat !== 'string');
      assert.equal(stat.links, 0n);
      opened(guest, 'file', WRITING);
      assert.equal(statOf(guest, 'file').size, 0n, 'another file of that name');
      assert.equal(guest.close(file), 'OK');
    });

    check('times: of inputs, of what is made, set and kept', { mounts: tree }, (guest) => {
      const mounted = statOf(guest, 'file');
      assert.deepEqual([mounted.accessed, mounted.modified, mounted.changed], [EPOCH, EPOCH, EPOCH]);
      assert.equal(guest.setTimes('file', 5n, 1_234_567_890_123_456_789n), 'OK');
      assert.deepEqual([statOf(guest, 'file').accessed, statOf(guest, 'file').modified], [5n, 1_234_567_890_123_456_789n]);
      assert.equal(guest.setTimes('file', undefined, 'now'), 'OK');
      assert.equal(statOf(guest, 'file').accessed, 5n);
      assert.ok(statOf(guest, 'file').modified >= EPOCH);
      assert.equal(guest.setTimes('file', (1n << 64n) - 1n, undefined), 'OK');
      assert.equal(statOf(guest, 'file').accessed, (1n << 64n) - 1n);
      assert.equal(guest.setTimes('missing', 'now', 'now'), 'ENOENT');
    });

    check('no more open than the limit, and nothing made beyond it', { openFiles: 7 }, (guest) => {
      const files = [1, 2, 3].map((i) => opened(guest, `f${i}`, WRITING));
      assert.equal(guest.open('f4', WRITING), 'EMFILE');
      assert.equal(guest.open('f1'), 'EMFILE');
      assert.equal(guest.stat('f4'), 'ENOENT');
      assert.equal(guest.close(files[1] as D), 'OK');
      opened(guest, 'f4', WRITING);
      assert.equal(guest.open('f5', WRITING), 'EMFILE');
    });

    check('opened and closed without end', { mounts: tree, openFiles: 5 }, (guest) => {
      for (let i = 0; i < 20_000; i++) guest.close(opened(guest, i % 2 === 0 ? 'file' : 'd/e/f'));
    });

    check('beyond the output limit nothing is said: it ends the task', { output: 4096 }, (guest) => {
      const file = opened(guest, 'f', WRITING);
      const isLimit = (error: unknown): boolean => error instanceof Error && error.name === 'LimitReached';
      assert.equal(guest.write(file, 'x'.repeat(1000), 0n), 1000);
      assert.throws(() => guest.write(file, 'x', 100_000n), isLimit, 'a hole counts');
    });

    check('directories a thousand deep', {}, (guest) => {
      let at = guest.root;
      for (let i = 0; i < 1000; i++) {
        assert.equal(guest.makeDirectory('d', at), 'OK');
        const next = opened(guest, 'd', { base: at, directory: true });
        if (at !== guest.root) guest.close(at);
        at = next;
      }
      opened(guest, 'leaf', { ...WRITING, base: at });
      assert.deepEqual(guest.list(at), ['leaf']);
      assert.equal(guest.rename('d', 'moved'), 'OK');
      assert.equal(typeof guest.stat('moved/d/d/d'), 'object');
    });
  });
}
