import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DIRECTORY_RIGHTS, FDFLAG, FILE_RIGHTS, OFLAG, RIGHT, WHENCE } from '../../../src/sandbox/wasi/abi.ts';
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
    assert.throws(
      () => bench.start({ openFiles: 3 }),
      (error) => isDocketError(error, 'LIMIT_REFUSED'),
    );
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
