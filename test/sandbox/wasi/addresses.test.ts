import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Direct } from './direct.ts';
import { Bench } from './helpers.ts';

const END = 2 * 65_536;
const OUTSIDE = [END - 1, END, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff, -1];

/** Every call with one pointer at a time pointing outside; `P` marks the pointer, `L` its length. */
test('a pointer outside of memory is EFAULT and changes nothing', () => {
  using bench = new Bench();
  const guest = new Direct(
    bench.start({
      args: ['prog'],
      env: { A: 'b' },
      stdin: 'input',
      mounts: { 'a.txt': { bytes: Buffer.from('abc') }, link: { link: 'a.txt' } },
    }),
  );
  const fd = guest.file('f');
  guest.write(fd, 'content');
  const path = guest.put('a.txt');
  const link = guest.put('link');
  const fresh = guest.put('fresh');
  const iovs = guest.iovecs([guest.room(8), 8]);
  const spare = guest.room(4096);
  const before = guest.list(3);

  for (const bad of OUTSIDE) {
    const calls: [string, ...(number | bigint)[]][] = [
      ['args_sizes_get', bad, spare],
      ['args_sizes_get', spare, bad],
      ['args_get', bad, spare],
      ['args_get', spare, bad],
      ['environ_sizes_get', bad, spare],
      ['environ_get', spare, bad],
      ['clock_res_get', 0, bad],
      ['clock_time_get', 0, 0n, bad],
      ['fd_fdstat_get', fd, bad],
      ['fd_filestat_get', fd, bad],
      ['fd_prestat_get', 3, bad],
      ['fd_read', fd, bad, 1, spare],
      ['fd_read', fd, ...iovs, bad],
      ['fd_read', fd, ...guest.iovecs([bad, 8]), spare],
      ['fd_read', 0, ...guest.iovecs([bad, 8]), spare],
      ['fd_write', fd, bad, 1, spare],
      ['fd_write', fd, ...iovs, bad],
      ['fd_write', fd, ...guest.iovecs([spare, 4], [bad, 8]), spare],
      ['fd_write', 1, ...guest.iovecs([bad, 8]), spare],
      ['fd_pread', fd, ...iovs, 0n, bad],
      ['fd_pwrite', fd, ...iovs, 0n, bad],
      ['fd_readdir', 3, bad, 100, 0n, spare],
      ['fd_readdir', 3, spare, 100, 0n, bad],
      ['fd_seek', fd, 0n, 0, bad],
      ['fd_tell', fd, bad],
      ['path_create_directory', 3, bad, 4],
      ['path_filestat_get', 3, 0, bad, 4, spare],
      ['path_filestat_get', 3, 0, ...path, bad],
      ['path_link', 3, 0, bad, 4, 3, ...fresh],
      ['path_link', 3, 0, ...path, 3, bad, 4],
      ['path_open', 3, 0, bad, 4, 1, 0n, 0n, 0, spare],
      ['path_open', 3, 0, ...fresh, 1, 0n, 0n, 0, bad],
      ['path_readlink', 3, bad, 4, spare, 100, spare],
      ['path_readlink', 3, ...link, bad, 100, spare],
      ['path_readlink', 3, ...link, spare, 100, bad],
      ['path_remove_directory', 3, bad, 4],
      ['path_rename', 3, bad, 4, 3, ...fresh],
      ['path_rename', 3, ...path, 3, bad, 4],
      ['path_symlink', bad, 4, 3, ...fresh],
      ['path_symlink', ...path, 3, bad, 4],
      ['path_unlink_file', 3, bad, 4],
      ['poll_oneoff', bad, spare, 1, spare],
      ['poll_oneoff', spare, bad, 1, spare],
      ['poll_oneoff', spare, spare, 1, bad],
      ['random_get', bad, 8],
      ['random_get', spare, 0xffff_ffff],
    ];
    for (const call of calls)
      assert.equal(
        guest.call(...call),
        'EFAULT',
        JSON.stringify(call, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
      );
    assert.equal(guest.call('fd_prestat_dir_name', 3, bad, 1), bad === END - 1 ? 'OK' : 'EFAULT');
  }
  assert.deepEqual(guest.list(3), before);
  assert.equal(guest.seek(fd, 0n, 1), 7n, 'nothing was read or written');
  assert.equal(guest.read(0, 10), 'input');
});

test('lengths that run out of memory or wrap around are EFAULT', () => {
  using bench = new Bench();
  const guest = new Direct(bench.start());
  const fd = guest.file('f');
  const result = guest.room(4);
  for (const length of [END, 0x7fff_ffff, 0xffff_ffff]) {
    assert.equal(guest.call('fd_write', fd, ...guest.iovecs([16, length]), result), 'EFAULT');
    assert.equal(guest.call('path_create_directory', 3, 16, length), 'EFAULT');
    assert.equal(guest.call('fd_readdir', 3, 16, length, 0n, result), 'EFAULT');
  }
  assert.equal(guest.call('fd_write', fd, 0, 0xffff_ffff, result), 'EINVAL', 'more vectors than there can be');
  assert.equal(guest.call('fd_write', fd, 0, 1025, result), 'EINVAL');
  assert.equal(guest.call('poll_oneoff', 0, 0, 0xffff_ffff, result), 'EINVAL');
  assert.equal(guest.call('fd_write', fd, END, 0, result), 'OK', 'no vector at all, at the very end');
});

test('overlapping vectors cannot ask for more than a size can say', () => {
  using bench = new Bench();
  const guest = new Direct(bench.start(), 40);
  const fd = guest.file('f');
  const all = Array.from({ length: 1024 }, () => [0, 40 * 65_536] as const);
  assert.equal(guest.call('fd_write', fd, ...guest.iovecs(...all), guest.room(4)), 'EINVAL');
});

test('memory that grew is seen, at its new end too', () => {
  using bench = new Bench();
  const guest = new Direct(bench.start());
  assert.equal(guest.call('random_get', END, 8), 'EFAULT');
  guest.memory.grow(1);
  assert.equal(guest.call('random_get', END, 8), 'OK');
  assert.notDeepEqual([...guest.bytes.subarray(END, END + 8)], [0, 0, 0, 0, 0, 0, 0, 0]);
  assert.equal(guest.call('random_get', END + 65_536, 1), 'EFAULT');
});

test('before a memory is bound every address is EFAULT', () => {
  using bench = new Bench();
  const wasi = bench.start();
  const randomGet = wasi.imports['random_get'] as unknown as (pointer: number, length: number) => number;
  assert.equal(randomGet(0, 1), 21);
});

const ARITY: Readonly<Record<string, string>> = {
  args_get: 'ii',
  clock_time_get: 'ili',
  fd_advise: 'illi',
  fd_allocate: 'ill',
  fd_close: 'i',
  fd_fdstat_get: 'ii',
  fd_fdstat_set_flags: 'ii',
  fd_fdstat_set_rights: 'ill',
  fd_filestat_get: 'ii',
  fd_filestat_set_size: 'il',
  fd_filestat_set_times: 'illi',
  fd_pread: 'iiili',
  fd_prestat_dir_name: 'iii',
  fd_prestat_get: 'ii',
  fd_pwrite: 'iiili',
  fd_read: 'iiii',
  fd_readdir: 'iiili',
  fd_renumber: 'ii',
  fd_seek: 'ilii',
  fd_tell: 'ii',
  fd_write: 'iiii',
  path_create_directory: 'iii',
  path_filestat_get: 'iiiii',
  path_filestat_set_times: 'iiiilli',
  path_link: 'iiiiiii',
  path_open: 'iiiiillii',
  path_readlink: 'iiiiii',
  path_remove_directory: 'iii',
  path_rename: 'iiiiii',
  path_symlink: 'iiiii',
  path_unlink_file: 'iii',
  poll_oneoff: 'iiii',
  random_get: 'ii',
  sock_recv: 'iiiiii',
};

/** Small numbers are descriptors, flags and lengths; the rest is what a hostile guest would try. */
const i32 = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0x1000, max: 0x2000 }), fc.constantFrom(...OUTSIDE), fc.integer());
const i64 = fc.oneof(fc.bigInt({ min: 0n, max: 5000n }), fc.constantFrom(1n << 62n, (1n << 63n) - 1n, -1n, -(1n << 63n)));
const anyCall = fc.constantFrom(...Object.keys(ARITY)).chain((name) => {
  const types = [...(ARITY[name] as string)].map((type): fc.Arbitrary<number | bigint> => (type === 'l' ? i64 : i32));
  return fc.tuple(fc.constant(name), fc.tuple(...types));
});

test('no sequence of calls makes the host throw anything but its limit', () => {
  using bench = new Bench();
  const check = fc.property(
    fc.array(anyCall, { minLength: 1, maxLength: 60 }),
    fc.uint8Array({ minLength: 256, maxLength: 256 }),
    (calls, noise) => {
      const guest = new Direct(bench.start({ output: 1 << 22, openFiles: 10, mounts: { 'a/b.txt': { bytes: Buffer.from('text') } } }));
      guest.bytes.set(noise, 0x1000);
      guest.bytes.set(Buffer.from('a/b.txt\0a/./../n\0a\0'), 0x1800);
      for (const [name, args] of calls) {
        try {
          guest.call(name, ...args);
        } catch (error) {
          assert.equal((error as Error).name, 'LimitReached', `${name} ${String(error)}`);
          return;
        }
      }
      guest.wasi.files[Symbol.dispose]();
    },
  );
  fc.assert(check, { numRuns: 150 });
});
