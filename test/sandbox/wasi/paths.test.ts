import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OFLAG } from '../../../src/sandbox/wasi/abi.ts';
import { ALL, Direct } from './direct.ts';
import { Bench } from './helpers.ts';

/** What wasi-libc hides or never asks for, by calling preview 1 itself. */
const guestOf = (bench: Bench, options: Parameters<Bench['start']>[0] = {}): Direct => new Direct(bench.start(options));

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
