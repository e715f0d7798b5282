import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FSTFLAG, WHENCE } from '../../../src/sandbox/wasi/abi.ts';
import { ALL, Direct } from './direct.ts';
import { Bench } from './helpers.ts';

/** What wasi-libc hides or never asks for, by calling preview 1 itself. */
const guestOf = (bench: Bench, options: Parameters<Bench['start']>[0] = {}): Direct => new Direct(bench.start(options));

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
