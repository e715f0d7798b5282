import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DIRECTORY_RIGHTS, FDFLAG, FILE_RIGHTS, FSTFLAG, OFLAG, RIGHT, WHENCE } from '../../../src/sandbox/wasi/abi.ts';
import { PREVIEW1, importProblems } from '../../../src/sandbox/wasi/signatures.ts';
import { isDocketError } from '../../../src/errors.ts';
import type { ModuleImport } from '../../../src/sandbox/module/model.ts';
import { ALL, Direct } from './direct.ts';
import { Bench } from './helpers.ts';

/** What wasi-libc hides or never asks for, by calling preview 1 itself. */
const guestOf = (bench: Bench, options: Parameters<Bench['start']>[0] = {}): Direct => new Direct(bench.start(options));

describe('descriptors', () => {
  test('a bad one is EBADF, a file where a directory belongs ENOTDIR', () => {
    using bench = new Bench();
    const guest = guestOf(bench);
    const fd = guest.file('f');
    for (const bad of [fd + 1, 1000, 0xffff_ffff, -1]) {
      assert.equal(guest.call('fd_close', bad), 'EBADF');
      assert.equal(guest.call('fd_sync', bad), 'EBADF');
      assert.equal(guest.call('sock_shutdown', bad, 0), 'EBADF');
      assert.equal(guest.open('x', { base: bad }), 'EBADF');
    }
    assert.equal(guest.open('x', { base: fd }), 'ENOTDIR');
    assert.equal(guest.call('path_create_directory', fd, ...guest.put('x')), 'ENOTDIR');
    assert.equal(guest.list(fd), 'ENOTDIR');
    assert.equal(guest.call('sock_shutdown', fd, 0), 'ENOTSOCK');
    assert.equal(guest.call('sock_accept', fd, 0, 16), 'ENOTSOCK');
    assert.equal(guest.call('proc_raise', 6), 'ENOSYS');
    assert.equal(guest.call('sched_yield'), 'OK');
  });

  test('the lowest free number is given; renumbering closes what was there', () => {
    using bench = new Bench();
    const guest = guestOf(bench);
    assert.deepEqual([guest.file('a'), guest.file('b'), guest.file('c')], [4, 5, 6]);
    assert.equal(guest.call('fd_close', 5), 'OK');
    assert.equal(guest.file('d'), 5);
    guest.write(4, 'in a');
    assert.equal(guest.call('fd_renumber', 4, 6), 'OK');
    assert.equal(guest.call('fd_renumber', 6, 6), 'OK');
    assert.equal(guest.call('fd_close', 4), 'EBADF');
    assert.equal(guest.seek(6, 0n, WHENCE.current), 4n);
    assert.equal(guest.call('fd_renumber', 6, 99), 'EBADF');
    assert.equal(guest.call('fd_renumber', 99, 6), 'EBADF');
    assert.equal(guest.file('e'), 4);
  });

  test('no more than the limit, streams and preopens included; nothing is made by an open that fails', () => {
    using bench = new Bench();
    const guest = guestOf(bench, { openFiles: 8 });
    assert.deepEqual(
      [1, 2, 3, 4].map((i) => guest.file(`f${i}`)),
      [4, 5, 6, 7],
    );
    assert.equal(guest.open('f5', { oflags: OFLAG.creat, rights: ALL }), 'EMFILE');
    assert.equal(guest.stat('f5'), 'ENOENT');
    assert.equal(guest.call('fd_close', 2), 'OK');
    assert.equal(guest.file('f5'), 2);
  });

  test('streams are pipes', () => {
    using bench = new Bench();
    const guest = guestOf(bench, { stdin: 'hello' });
    assert.equal(guest.read(0, 3), 'hel');
    assert.equal(guest.read(0, 3), 'lo');
    assert.equal(guest.read(0, 3), '');
    assert.equal(guest.write(0, 'x'), 'EBADF');
    assert.equal(guest.read(1, 1), '<EBADF>');
    assert.equal(guest.seek(1, 0n, WHENCE.set), 'ESPIPE');
    assert.equal(guest.pwrite(1, 'x', 0n), 'ESPIPE');
    assert.equal(guest.call('fd_tell', 0, 16), 'ESPIPE');
    assert.equal(guest.call('fd_sync', 1), 'EINVAL');
    const at = guest.room(24);
    assert.equal(guest.call('fd_fdstat_get', 1, at), 'OK');
    assert.equal(guest.view.getUint8(at), 0, 'no terminal');
    const stat = guest.fstat(1);
    assert.ok(typeof stat === 'object' && stat.type === 0 && stat.size === 0n);
    assert.equal(guest.call('fd_close', 1), 'OK', 'a guest may close its stdout');
  });

  test('preopens are told by name', () => {
    using bench = new Bench();
    const guest = guestOf(bench, { mounts: { 'data/in/x': { bytes: Buffer.from('x') } }, preopens: ['/', '/data/in'] });
    const at = guest.room(16);
    assert.equal(guest.call('fd_prestat_get', 4, at), 'OK');
    assert.deepEqual([guest.view.getUint32(at, true), guest.view.getUint32(at + 4, true)], [0, 8]);
    assert.equal(guest.call('fd_prestat_dir_name', 4, at, 7), 'ENAMETOOLONG');
    assert.equal(guest.call('fd_prestat_dir_name', 4, at, 9), 'OK');
    assert.equal(Buffer.from(guest.bytes.subarray(at, at + 8)).toString(), '/data/in');
    assert.equal(guest.call('fd_prestat_get', 5, at), 'EBADF');
    assert.equal(guest.call('fd_prestat_get', 1, at), 'EBADF');
    const dir = guest.open('data');
    assert.equal(guest.call('fd_prestat_get', dir as number, at), 'EBADF', 'opened by the guest');
    assert.equal(typeof guest.open('x', { base: 4 }), 'number');
    assert.equal(guest.open('../in/x', { base: 4 }), 'EPERM');
    assert.throws(
      () => bench.start({ preopens: ['/nowhere'] }),
      (error) => isDocketError(error, 'USAGE'),
    );
  });

  test('flags can be set; unknown ones are EINVAL', () => {
    using bench = new Bench();
    const guest = guestOf(bench);
    const fd = guest.file('f');
    assert.equal(guest.call('fd_fdstat_set_flags', fd, FDFLAG.append | FDFLAG.nonblock), 'OK');
    const at = guest.room(24);
    guest.call('fd_fdstat_get', fd, at);
    assert.equal(guest.view.getUint16(at + 2, true), FDFLAG.append | FDFLAG.nonblock);
    assert.equal(guest.call('fd_fdstat_set_flags', fd, 32), 'EINVAL');
    guest.write(fd, 'abc');
    guest.seek(fd, 0n, WHENCE.set);
    guest.write(fd, 'def');
    guest.seek(fd, 0n, WHENCE.set);
    assert.equal(guest.read(fd, 10), 'abcdef');
  });
});

describe('rights', () => {
  test('are given up, never got back, and needed', () => {
    using bench = new Bench();
    const guest = guestOf(bench);
    const fd = guest.file('f');
    const at = guest.room(24);
    guest.call('fd_fdstat_get', fd, at);
    assert.equal(guest.view.getBigUint64(at + 8, true), BigInt(FILE_RIGHTS));
    const less = BigInt(FILE_RIGHTS & ~(RIGHT.fdWrite | RIGHT.fdSeek | RIGHT.fdTell | RIGHT.fdFilestatGet | RIGHT.fdAllocate));
    assert.equal(guest.call('fd_fdstat_set_rights', fd, less, 0n), 'OK');
    assert.equal(guest.call('fd_fdstat_set_rights', fd, less | BigInt(RIGHT.fdWrite), 0n), 'ENOTCAPABLE');
    assert.equal(guest.call('fd_fdstat_set_rights', fd, less, 1n << 40n), 'ENOTCAPABLE');
    assert.equal(guest.call('fd_fdstat_set_rights', fd, -1n, 0n), 'ENOTCAPABLE');
    assert.equal(guest.write(fd, 'x'), 'EBADF', 'POSIX for: not open for writing');
    assert.equal(guest.seek(fd, 0n, WHENCE.current), 'ENOTCAPABLE');
    assert.equal(guest.fstat(fd), 'ENOTCAPABLE');
    assert.equal(guest.call('fd_allocate', fd, 0n, 1n), 'ENOTCAPABLE');
  });

  test('pass from directory to what is opened in it', () => {
    using bench = new Bench();
    const guest = guestOf(bench, { mounts: { 'd/f': { bytes: Buffer.from('text') } } });
    const readOnly = BigInt(RIGHT.fdRead | RIGHT.fdSeek | RIGHT.fdReaddir);
    const d = guest.open('d', {
      oflags: OFLAG.directory,
      rights: BigInt(DIRECTORY_RIGHTS & ~RIGHT.pathCreateFile),
      inheriting: readOnly,
    }) as number;
    assert.equal(guest.open('f', { base: d, rights: ALL }), 'ENOTCAPABLE', 'to write is not passed on');
    const f = guest.open('f', { base: d, rights: readOnly, inheriting: ALL }) as number;
    assert.equal(guest.read(f, 10), 'text');
    assert.equal(guest.open('new', { base: d, rights: readOnly, oflags: OFLAG.creat }), 'ENOTCAPABLE');
    assert.equal(guest.call('path_unlink_file', d, ...guest.put('f')), 'OK');
    const at = guest.room(24);
    guest.call('fd_fdstat_get', d, at);
    assert.equal(guest.view.getBigUint64(at + 16, true), readOnly);
  });

  test('of the directory that truncating and synchronous writing need', () => {
    using bench = new Bench();
    const guest = guestOf(bench, { mounts: { f: { bytes: Buffer.from('text') } } });
    const rights = BigInt(DIRECTORY_RIGHTS & ~RIGHT.pathFilestatSetSize);
    const inheriting = BigInt(FILE_RIGHTS & ~(RIGHT.fdSync | RIGHT.fdDatasync));
    assert.equal(guest.call('fd_fdstat_set_rights', 3, rights, inheriting), 'OK');
    assert.equal(guest.open('f', { oflags: OFLAG.trunc, rights: 0n }), 'ENOTCAPABLE');
    assert.equal(guest.open('f', { flags: FDFLAG.sync, rights: 0n }), 'ENOTCAPABLE');
    assert.equal(guest.open('f', { flags: FDFLAG.dsync, rights: 0n }), 'ENOTCAPABLE');
    const stat = guest.stat('f');
    assert.ok(typeof stat === 'object' && stat.size === 4n);
  });
});

describe('paths', () => {
  const mounts = {
    'd/e/f': { bytes: Buffer.from('x') },
    up: { link: '..' },
    abs: { link: '/d/e' },
    bare: { link: '/' },
    'd/abs': { link: '/d/e/f' },
  };

  test('never leave the directory they start from', () => {
    using bench = new Bench();
    const guest = guestOf(bench, { mounts });
    for (const path of ['/', '/d', '//d', '..', '../d', 'd/../..', 'd/e/../../../d', 'up', 'up/d', 'd/./../../x']) {
      assert.equal(guest.open(path), 'EPERM', path);
      assert.equal(guest.call('path_create_directory', 3, ...guest.put(path)), path === 'up' ? 'EEXIST' : 'EPERM', path);
    }
    for (const path of ['d/..', 'd/e/../..', './d/../d/e/..', 'abs/../e/f', 'bare', 'bare/d', 'd/abs']) {
      assert.equal(typeof guest.open(path), 'number', path);
    }
    const d = guest.open('d') as number;
    assert.equal(guest.open('abs', { base: d }), 'EPERM', 'an absolute link means something only at the root');
    assert.equal(guest.open('e/../..', { base: d }), 'EPERM');
    assert.equal(typeof guest.open('e/..', { base: d }), 'number');
  });

  test('are UTF-8 without NUL, of bounded length', () => {
    using bench = new Bench();
    const guest = guestOf(bench);
    const make = (path: string | Uint8Array): string => guest.call('path_create_directory', 3, ...guest.put(path));
    assert.equal(make(Uint8Array.of(0x61, 0xff)), 'EILSEQ');
    assert.equal(make(Uint8Array.of(0xed, 0xa0, 0x80)), 'EILSEQ', 'a lone surrogate');
    assert.equal(make('a\0'), 'EINVAL');
    assert.equal(make(''), 'ENOENT');
    assert.equal(make('x'.repeat(256)), 'ENAMETOOLONG');
    assert.equal(make('ü'.repeat(128)), 'ENAMETOOLONG');
    assert.equal(make('ü'.repeat(127)), 'OK');
    assert.equal(make('./'.repeat(2047) + 'y'), 'OK');
    assert.equal(make('./'.repeat(2048) + 'z'), 'ENAMETOOLONG');
    assert.equal(make(Buffer.from('\uFEFFbom')), 'OK');
    assert.deepEqual(guest.list(3), ['.', '..', 'ü'.repeat(127), 'y', '\uFEFFbom']);
  });

  test('with a slash at the end name directories', () => {
    using bench = new Bench();
    const guest = guestOf(bench, {
      mounts: { f: { bytes: Buffer.from('x') }, d: { directory: true }, toFile: { link: 'f' }, toDir: { link: 'd' } },
    });
    const on = (call: string, path: string): string => guest.call(call, 3, ...guest.put(path));
    assert.equal(guest.open('f/'), 'ENOTDIR');
    assert.equal(typeof guest.open('d///'), 'number');
    assert.equal(guest.open('new/', { oflags: OFLAG.creat, rights: ALL }), 'EISDIR');
    assert.equal(on('path_unlink_file', 'f/'), 'ENOTDIR');
    assert.equal(on('path_unlink_file', 'd/'), 'EISDIR');
    assert.equal(on('path_unlink_file', 'toDir/'), 'ENOTDIR');
    assert.equal(on('path_remove_directory', 'toDir/'), 'ENOTDIR');
    assert.equal(on('path_create_directory', 'made/'), 'OK');
    assert.equal(on('path_create_directory', 'toFile/'), 'EEXIST');
    assert.equal(guest.call('path_symlink', ...guest.put('f'), 3, ...guest.put('l/')), 'ENOENT');
    assert.equal(guest.call('path_symlink', ...guest.put('f'), 3, ...guest.put('d/')), 'EEXIST');
    assert.equal(guest.call('path_readlink', 3, ...guest.put('toDir/'), 0x100, 10, 0x80), 'EINVAL', 'the directory behind it');
    assert.equal(guest.stat('toFile/'), 'ENOTDIR');
    assert.equal(guest.stat('f/.'), 'ENOTDIR');
    assert.equal(on('path_remove_directory', 'made/'), 'OK');
    assert.equal(on('path_unlink_file', '.'), 'EISDIR');
    assert.equal(on('path_remove_directory', '.'), 'EINVAL');
    assert.equal(guest.call('path_rename', 3, ...guest.put('.'), 3, ...guest.put('x')), 'EBUSY');
  });
});

describe('path_open', () => {
  test('flags that do not go together or are unknown', () => {
    using bench = new Bench();
    const guest = guestOf(bench, {
      mounts: { d: { directory: true }, f: { bytes: Buffer.from('x') }, l: { link: 'f' }, dead: { link: 'gone' } },
    });
    assert.equal(guest.open('f', { oflags: 16 }), 'EINVAL');
    assert.equal(guest.open('f', { flags: 32 }), 'EINVAL');
    assert.equal(guest.open('d', { oflags: OFLAG.directory | OFLAG.creat }), 'EINVAL');
    assert.equal(guest.open('d', { oflags: OFLAG.directory | OFLAG.trunc }), 'EINVAL');
    assert.equal(guest.call('path_open', 3, 2, ...guest.put('f'), 0, 0n, 0n, 0, 16), 'EINVAL', 'unknown lookup flag');
    assert.equal(guest.open('d', { oflags: OFLAG.creat }), 'EISDIR');
    assert.equal(guest.open('d', { oflags: OFLAG.trunc }), 'EISDIR');
    assert.equal(guest.open('d', { rights: ALL }), 'EISDIR');
    assert.equal(
      typeof guest.open('d', { rights: ALL, oflags: OFLAG.directory }),
      'number',
      'asking for all rights is how some open directories',
    );
    assert.equal(guest.open('f', { oflags: OFLAG.directory }), 'ENOTDIR');
    assert.equal(guest.open('l', { follow: false }), 'ELOOP');
    assert.equal(guest.open('l', { oflags: OFLAG.creat | OFLAG.excl }), 'EEXIST');
    assert.equal(guest.open('dead'), 'ENOENT');
    assert.equal(guest.open('dead', { oflags: OFLAG.creat | OFLAG.excl }), 'EEXIST');
    assert.equal(typeof guest.open('dead', { oflags: OFLAG.creat, rights: ALL }), 'number');
    assert.equal(typeof guest.stat('gone'), 'object', 'made through the link');
  });

  test('truncates what is there, whatever it is opened for', () => {
    using bench = new Bench();
    const guest = guestOf(bench, { mounts: { f: bench.blob('text') } });
    assert.equal(typeof guest.open('f', { oflags: OFLAG.trunc, rights: 0n }), 'number');
    const stat = guest.stat('f');
    assert.ok(typeof stat === 'object' && stat.size === 0n);
  });
});

describe('sizes and positions of 64 bits', () => {
  test('beyond what a file can have', () => {
    using bench = new Bench();
    const guest = guestOf(bench);
    const fd = guest.file('f');
    guest.write(fd, 'abc');
    assert.equal(guest.pwrite(fd, 'x', 1n << 62n), 'EFBIG');
    assert.equal(guest.pwrite(fd, 'x', -1n), 'EINVAL');
    assert.equal(guest.pwrite(fd, '', 1n << 62n), 0);
    assert.equal(guest.call('fd_pread', fd, ...guest.iovecs([0x100, 8]), 1n << 62n, 0x80), 'OK');
    assert.equal(guest.view.getUint32(0x80, true), 0);
    assert.equal(guest.call('fd_filestat_set_size', fd, 1n << 62n), 'EFBIG');
    assert.equal(guest.call('fd_filestat_set_size', fd, -1n), 'EINVAL');
    assert.equal(guest.call('fd_allocate', fd, 1n << 62n, 1n), 'EFBIG');
    assert.equal(guest.call('fd_allocate', fd, 0n, 0n), 'EINVAL');
    assert.equal(guest.call('fd_advise', fd, 0n, 0n, 6), 'EINVAL');
    assert.equal(guest.seek(fd, (1n << 63n) - 1n, WHENCE.set), 'EOVERFLOW');
    assert.equal(guest.seek(fd, -(1n << 63n), WHENCE.end), 'EINVAL');
    assert.equal(guest.seek(fd, 0n, 3), 'EINVAL');
    assert.equal(guest.seek(fd, 5n, WHENCE.end), 8n);
    assert.equal(guest.read(fd, 1), '');
    assert.equal(guest.call('fd_tell', fd, 0x80), 'OK');
    assert.equal(guest.view.getBigUint64(0x80, true), 8n);
    const stat = guest.fstat(fd);
    assert.ok(typeof stat === 'object' && stat.size === 3n, 'what failed changed nothing');
  });

  test('a position beyond the end leaves a hole', () => {
    using bench = new Bench();
    const guest = guestOf(bench);
    const fd = guest.file('f');
    guest.seek(fd, 3n, WHENCE.set);
    guest.write(fd, 'x');
    guest.seek(fd, 0n, WHENCE.set);
    assert.equal(guest.read(fd, 10), '\0\0\0x');
  });
});

describe('fd_readdir', () => {
  test('cookies outlive changes; a small buffer cuts records', () => {
    using bench = new Bench();
    const guest = guestOf(bench);
    for (const name of ['b', 'a', 'dd', 'c']) guest.call('path_create_directory', 3, ...guest.put(name));
    assert.deepEqual(guest.list(3), ['.', '..', 'b', 'a', 'dd', 'c']);
    assert.deepEqual(guest.list(3, 30), ['.', '..', 'b', 'a', 'dd', 'c']);
    const buffer = guest.room(64);
    assert.equal(guest.call('fd_readdir', 3, buffer, 10, 0n, 0x80), 'OK');
    assert.equal(guest.view.getUint32(0x80, true), 10, 'filled to the last byte');

    // The cookie after `a`, then `b`, `a` and `dd` go and `e` comes.
    guest.call('fd_readdir', 3, buffer, 25, 3n, 0x80);
    const afterA = guest.view.getBigUint64(buffer, true);
    for (const name of ['b', 'a', 'dd']) guest.call('path_remove_directory', 3, ...guest.put(name));
    guest.call('path_create_directory', 3, ...guest.put('e'));
    guest.call('fd_readdir', 3, buffer, 64, afterA, 0x80);
    assert.equal(guest.view.getUint32(0x80, true), 50);
    assert.deepEqual(
      [buffer + 24, buffer + 49].map((at) => String.fromCharCode(guest.view.getUint8(at))),
      ['c', 'e'],
    );
    assert.equal(guest.call('fd_readdir', 3, buffer, 64, (1n << 64n) - 1n, 0x80), 'OK');
    assert.equal(guest.view.getUint32(0x80, true), 0, 'a cookie from nowhere');
  });

  test('gives the numbers that stat gives', () => {
    using bench = new Bench();
    const guest = guestOf(bench, { mounts: { 'd/f': { bytes: Buffer.from('x') } } });
    const d = guest.open('d') as number;
    const buffer = guest.room(200);
    guest.call('fd_readdir', d, buffer, 200, 0n, 0x80);
    const numbers = [buffer, buffer + 25, buffer + 51].map((at) => guest.view.getBigUint64(at + 8, true));
    const wanted = ['d', '.', 'd/f'].map((path) => (guest.stat(path) as { readonly ino: bigint }).ino);
    assert.deepEqual(numbers, wanted);
    assert.equal(new Set(numbers).size, 3);
  });
});

describe('times', () => {
  test('are set, kept, or now; both at once is EINVAL', () => {
    using bench = new Bench();
    const guest = guestOf(bench, { mounts: { f: { bytes: Buffer.from('x') }, l: { link: 'f' } } });
    const set = (path: string, flags: number, follow = 1): string =>
      guest.call('path_filestat_set_times', 3, follow, ...guest.put(path), 111n, -1n, flags);
    const times = (path: string): bigint[] => {
      const stat = guest.stat(path, false);
      return typeof stat === 'object' ? [stat.atime, stat.mtime] : [];
    };
    const epoch = times('f')[0] as bigint;
    assert.equal(epoch, BigInt(Date.UTC(2000, 0, 1)) * 1_000_000n);
    assert.equal(set('f', FSTFLAG.mtime | FSTFLAG.mtimeNow), 'EINVAL');
    assert.equal(set('f', FSTFLAG.atime | FSTFLAG.atimeNow | FSTFLAG.mtime), 'EINVAL');
    assert.equal(set('f', 16), 'EINVAL');
    assert.deepEqual(times('f'), [epoch, epoch]);
    assert.equal(set('l', FSTFLAG.atime), 'OK');
    assert.deepEqual(times('f'), [111n, epoch]);
    assert.equal(set('l', FSTFLAG.mtime, 0), 'OK');
    assert.deepEqual(times('l'), [epoch, (1n << 64n) - 1n], 'the link itself');
    guest.call('clock_time_get', 0, 0n, 0x80);
    const now = guest.view.getBigUint64(0x80, true);
    assert.equal(set('f', FSTFLAG.atimeNow | FSTFLAG.mtimeNow), 'OK');
    assert.deepEqual(times('f'), [now, now]);
    assert.equal(guest.call('fd_filestat_set_times', 1, 0n, 0n, 0), 'ENOTCAPABLE');
  });

  test('follow the clock when bytes or entries change', () => {
    using bench = new Bench();
    const guest = guestOf(bench, { mounts: { 'd/f': { bytes: Buffer.from('x') } } });
    const before = guest.stat('d') as { readonly mtime: bigint };
    guest.call('clock_time_get', 0, 0n, 0x80);
    const fd = guest.open('d/f', { rights: ALL }) as number;
    guest.write(fd, 'y');
    const file = guest.stat('d/f') as { readonly mtime: bigint; readonly ctime: bigint };
    assert.ok(file.mtime > before.mtime && file.ctime === file.mtime);
    assert.deepEqual(guest.stat('d'), before, 'writing to a file does not change its directory');
    guest.call('path_unlink_file', 3, ...guest.put('d/f'));
    assert.ok((guest.stat('d') as { readonly mtime: bigint }).mtime > before.mtime);
  });
});

describe('poll_oneoff', () => {
  const subscribe = (
    guest: Direct,
    at: number,
    userdata: bigint,
    clock: { readonly id: number; readonly timeout: bigint; readonly flags: number },
  ): void => {
    guest.view.setBigUint64(at, userdata, true);
    guest.view.setUint8(at + 8, 0);
    guest.view.setUint32(at + 16, clock.id, true);
    guest.view.setBigUint64(at + 24, clock.timeout, true);
    guest.view.setUint16(at + 40, clock.flags, true);
  };
  const now = (guest: Direct): bigint => {
    guest.call('clock_time_get', 1, 0n, 0x80);
    return guest.view.getBigUint64(0x80, true);
  };

  test('the earliest clock wins and moves the time', () => {
    using bench = new Bench();
    const guest = guestOf(bench);
    const at = guest.room(48 * 3);
    const events = guest.room(32 * 3);
    const start = now(guest);
    subscribe(guest, at, 7n, { id: 1, timeout: 5_000_000_000n, flags: 0 });
    subscribe(guest, at + 48, 8n, { id: 1, timeout: start + 1_000_000_000n, flags: 1 });
    subscribe(guest, at + 96, 9n, { id: 9, timeout: 1n, flags: 0 });
    assert.equal(guest.call('poll_oneoff', at, events, 2, 0x80), 'OK');
    assert.equal(guest.view.getUint32(0x80, true), 1);
    assert.equal(guest.view.getBigUint64(events, true), 8n);
    const after = now(guest);
    assert.ok(after >= start + 1_000_000_000n && after < start + 2_000_000_000n, `${after - start}`);

    assert.equal(guest.call('poll_oneoff', at, events, 3, 0x80), 'OK');
    assert.equal(guest.view.getUint32(0x80, true), 2, 'the unknown clock at once, and the time that has passed already');
    assert.deepEqual([guest.view.getBigUint64(events, true), guest.view.getUint16(events + 8, true)], [9n, 28]);
    assert.equal(guest.view.getBigUint64(events + 32, true), 8n);
    assert.ok(now(guest) < after + 1_000_000n);
  });

  test('the virtual clock can be moved to its end, not beyond', () => {
    using bench = new Bench();
    const guest = guestOf(bench);
    const at = guest.room(48);
    const events = guest.room(32);
    for (let i = 0; i < 3; i++) {
      subscribe(guest, at, 1n, { id: 1, timeout: (1n << 64n) - 1n, flags: 0 });
      assert.equal(guest.call('poll_oneoff', at, events, 1, 0x80), 'OK');
    }
    const end = now(guest);
    assert.ok(end > 0n && end === now(guest));
    assert.equal(guest.call('poll_oneoff', at, events, 0, 0x80), 'EINVAL');
  });
});

describe('arguments and imports', () => {
  test('what preview 1 cannot carry is refused', () => {
    using bench = new Bench();
    const refuses = (options: Parameters<Bench['start']>[0]): void =>
      assert.throws(
        () => bench.start(options),
        (error) => isDocketError(error, 'USAGE'),
      );
    refuses({ args: ['a\0b'] });
    refuses({ env: { 'A=B': 'c' } });
    refuses({ env: { '': 'c' } });
    refuses({ env: { A: 'b\0' } });
  });

  test('every function that is offered has a signature, and the reverse', () => {
    using bench = new Bench();
    const type = { params: ['f64'], results: [] } as const;
    const names = Object.keys(bench.start().imports);
    const problems = importProblems(names.map((name): ModuleImport => ({ module: PREVIEW1, name, kind: 'function', type })));
    assert.equal(problems.length, names.length);
    for (const [i, problem] of problems.entries())
      assert.match(problem, new RegExp(`^${names[i]} is imported as \\(f64\\) -> \\(\\), it is \\(`));
  });

  test('imports of another type or name are told', () => {
    const i32 = ['i32'] as const;
    const problem = (name: string, params: readonly ('i32' | 'i64')[], results: readonly 'i32'[] = i32): string[] =>
      importProblems([{ module: PREVIEW1, name, kind: 'function', type: { params, results } }]);
    assert.deepEqual(problem('fd_close', i32), []);
    assert.deepEqual(problem('proc_exit', i32, []), []);
    assert.deepEqual(problem('fd_close', ['i64']), ['fd_close is imported as (i64) -> (i32), it is (i32) -> (i32)']);
    assert.deepEqual(problem('proc_exit', i32), ['proc_exit is imported as (i32) -> (i32), it is (i32) -> ()']);
    assert.deepEqual(problem('fd_fly', i32), ['fd_fly is no function of preview 1']);
    assert.deepEqual(problem('constructor', i32), ['constructor is no function of preview 1']);
    assert.deepEqual(importProblems([{ module: 'env', name: 'fd_close', kind: 'function', type: { params: [], results: [] } }]), []);
  });
});
