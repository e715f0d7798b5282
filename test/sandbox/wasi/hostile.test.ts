import assert from 'node:assert/strict';
import { readdirSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isDocketError } from '../../../src/errors.ts';
import { DiskStore } from '../../../src/store/disk-store.ts';
import { BlobReader } from '../../../src/store/blob-reader.ts';
import { ENTRY_COST, LimitReached } from '../../../src/sandbox/files/budget.ts';
import { outputs } from '../../../src/sandbox/files/collect.ts';
import { OFLAG } from '../../../src/sandbox/wasi/abi.ts';
import type { Preview1 } from '../../../src/sandbox/wasi/preview1.ts';
import { wat } from '../module/helpers.ts';
import { ALL, Direct } from './direct.ts';
import { Bench, runCommand } from './helpers.ts';

const isLimit = (error: unknown): boolean => error instanceof LimitReached && error.code === 'limit/output';

/** Writes `size` bytes from address 64 to stdout, with the vector at address 0 and the count at 8. */
const command = (body: string): WebAssembly.Module =>
  new WebAssembly.Module(
    wat(`(module
      (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
      (memory (export "memory") 2)
      (data (i32.const 16) "file")
      (func $print (param $size i32)
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (local.get $size))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
      (func (export "_start") ${body}))`),
  );

describe('a guest cannot go on after its end', () => {
  const forever = (call: string): string => `(loop $again (try (do ${call}) (catch_all)) (br $again))`;
  const thrice = (call: string): string => `(try (do ${call}) (catch_all)) `.repeat(3);

  test('caught limits', () => {
    using bench = new Bench();
    const wasi = bench.start({ output: 1000 });
    assert.throws(() => runCommand(command(thrice('(call $print (i32.const 600))')), wasi), isLimit);
    assert.equal(wasi.stdout.size, 600, 'what went over the limit was not kept');
    const trapping = bench.start({ output: 1000 });
    assert.throws(() => runCommand(command(`${thrice('(call $print (i32.const 600))')} unreachable`), trapping), isLimit);
  });

  test('caught exits: the first status stands, and nothing is written after it', () => {
    using bench = new Bench();
    const exits = `${thrice('(call $proc_exit (i32.const 7))')} ${thrice('(call $print (i32.const 5))')} (call $proc_exit (i32.const 9))`;
    const wasi = bench.start();
    assert.equal(runCommand(command(exits), wasi), 7);
    assert.equal(wasi.stdout.size, 0);
    assert.equal(runCommand(command(`${thrice('(call $proc_exit (i32.const 7))')} unreachable`), bench.start()), 7);
    assert.equal(runCommand(command(`(call $print (i32.const 5)) ${thrice('(call $proc_exit (i32.const 0))')}`), bench.start()), 0);
  });

  test('a loop that catches all is left by the call that ended the task', () => {
    using bench = new Bench();
    const wasi = bench.start({ output: 1000 });
    const imports = wasi.imports;
    let calls = 0;
    const counting = {
      ...imports,
      fd_write: (...args: never[]) => {
        if (++calls > 100) throw new WebAssembly.RuntimeError('stopped by the test');
        return imports['fd_write']?.(...args);
      },
    };
    const module = command(
      `(local $n i32) ${forever('(local.set $n (i32.add (local.get $n) (i32.const 1))) (if (i32.gt_u (local.get $n) (i32.const 50)) (then unreachable)) (call $print (i32.const 600))')}`,
    );
    assert.throws(
      () =>
        wasi.run(() => {
          const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: counting });
          wasi.bind(exports['memory'] as WebAssembly.Memory);
          (exports['_start'] as () => void)();
        }),
      isLimit,
    );
    assert.equal(calls, 2);
  });

  test('an exhausted stack inside a host call is the end too', () => {
    using bench = new Bench();
    const module = new WebAssembly.Module(
      wat(`(module
        (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "a/b/c/../..//d/e")
        (func $deep (drop (call $mkdir (i32.const 3) (i32.const 0) (i32.const 16))) (try (do (call $deep)) (catch_all)))
        (func (export "_start") (call $deep)))`),
    );
    assert.throws(() => runCommand(module, bench.start()), RangeError);
  });
});

describe('the output budget', () => {
  const fill = (limit: number, act: (guest: Direct, i: number) => unknown): { guest: Direct; count: number } => {
    using bench = new Bench();
    const guest = new Direct(bench.start({ output: limit, mounts: { 'base.txt': { bytes: Buffer.from('base') } } }));
    let count = 0;
    assert.throws(() => {
      for (; count < 100_000; count++) act(guest, count);
    }, isLimit);
    guest.wasi.files[Symbol.dispose]();
    return { guest, count };
  };

  test('empty files, directories and links are not free', () => {
    const limit = 1 << 16;
    const path = (guest: Direct, i: number): [number, number] => guest.put(`n${i}`);
    const acts: Record<string, (guest: Direct, i: number) => unknown> = {
      files: (guest, i) => guest.call('fd_close', guest.file(`n${i}`)),
      directories: (guest, i) => guest.call('path_create_directory', 3, ...path(guest, i)),
      symlinks: (guest, i) => guest.call('path_symlink', ...guest.put('x'), 3, ...path(guest, i)),
      'hard links': (guest, i) => guest.call('path_link', 3, 0, ...guest.put('base.txt'), 3, ...path(guest, i)),
    };
    for (const [what, act] of Object.entries(acts)) {
      const { count } = fill(limit, act);
      assert.ok(count > 50 && count < limit / ENTRY_COST, `${count} ${what}`);
    }
    const { count } = fill(limit, (guest, i) => guest.call('path_symlink', ...guest.put('x'.repeat(4000)), 3, ...path(guest, i)));
    assert.ok(count <= 16, 'a long target costs its length');
  });

  test('a hole costs its size', () => {
    for (const grow of [
      (guest: Direct): unknown => guest.pwrite(guest.file('f'), 'x', 1n << 40n),
      (guest: Direct): unknown => guest.call('fd_filestat_set_size', guest.file('f'), 1n << 40n),
      (guest: Direct): unknown => guest.call('fd_allocate', guest.file('f'), 0n, 1n << 40n),
    ]) {
      const { guest, count } = fill(1 << 30, grow);
      assert.equal(count, 0);
      assert.ok(guest.wasi.files.budget.peak < ENTRY_COST + 100);
    }
  });

  test('stdout, stderr and files count together; what is removed may be used again', () => {
    using bench = new Bench();
    const guest = new Direct(bench.start({ output: 100_000 }), 4);
    const block = 'x'.repeat(30_000);
    for (let i = 0; i < 20; i++) {
      const fd = guest.file('f');
      guest.bytes.fill(120, 0x8000, 0x8000 + 60_000);
      assert.equal(guest.call('fd_write', fd, ...guest.iovecs([0x8000, 60_000]), 0x80), 'OK');
      assert.equal(guest.call('path_unlink_file', 3, ...guest.put('f')), 'OK');
      assert.ok(guest.wasi.files.budget.held >= 60_000, 'as long as it is open');
      assert.equal(guest.call('fd_close', fd), 'OK');
      assert.equal(guest.wasi.files.budget.held, 0);
    }
    assert.equal(guest.write(1, block), 30_000);
    assert.equal(guest.write(2, block), 30_000);
    assert.equal(guest.write(guest.file('f'), block), 30_000);
    assert.throws(() => guest.write(2, block), isLimit);
    assert.ok(guest.wasi.files.budget.peak <= 100_000);
  });

  test('a name costs what it holds, wherever it is moved', () => {
    using bench = new Bench();
    const guest = new Direct(bench.start({ mounts: { f: { bytes: Buffer.from('x') } } }));
    const { budget } = guest.wasi.files;
    const rename = (from: string, to: string): string => guest.call('path_rename', 3, ...guest.put(from), 3, ...guest.put(to));
    assert.equal(rename('f', 'gg'), 'OK');
    assert.equal(budget.held, ENTRY_COST + 2, 'the name it was mounted under cost nothing');
    assert.equal(rename('gg', 'h'.repeat(100)), 'OK');
    assert.equal(budget.held, ENTRY_COST + 100);
    guest.call('fd_close', guest.file('other'));
    assert.equal(rename('h'.repeat(100), 'other'), 'OK');
    assert.equal(budget.held, ENTRY_COST + 5, 'what was replaced is given up');
    assert.equal(guest.call('path_unlink_file', 3, ...guest.put('other')), 'OK');
    assert.equal(budget.held, 0);
  });

  test('a blob that is changed costs its size, once', () => {
    using bench = new Bench();
    const guest = new Direct(
      bench.start({ output: 25_000, mounts: { a: bench.blob('x'.repeat(10_000)), b: bench.blob('y'.repeat(20_000)) } }),
    );
    const a = guest.open('a', { rights: ALL }) as number;
    for (let i = 0; i < 10; i++) guest.pwrite(a, 'z', BigInt(i));
    assert.equal(guest.wasi.files.budget.held, 10_000);
    const b = guest.open('b', { rights: ALL }) as number;
    assert.throws(() => guest.pwrite(b, 'z', 0n), isLimit);
  });
});

describe('what a guest leaves behind', () => {
  test('an output deeper than a path can say is refused', () => {
    using bench = new Bench();
    const guest = new Direct(bench.start(), 10);
    let base = 3;
    for (let i = 0; i < 30; i++) {
      guest.call('path_create_directory', base, ...guest.put('n'.repeat(200)));
      base = guest.open('n'.repeat(200), { base }) as number;
    }
    assert.throws(() => outputs(guest.wasi.files, ['**']), isLimit);
    assert.deepEqual(outputs(guest.wasi.files, ['other/**']), []);
  });

  test('big files lie outside of memory until they are dropped', () => {
    using bench = new Bench();
    const guest = new Direct(bench.start(), 40);
    const big = 2 << 20;
    const write = (fd: number): void => assert.equal(guest.call('fd_write', fd, ...guest.iovecs([0x20000, big]), 0x80), 'OK');
    const spills = (): number => readdirSync(join(bench.folder, 'tmp')).length;
    write(guest.file('kept'));
    const orphan = guest.file('orphan');
    write(orphan);
    guest.call('path_unlink_file', 3, ...guest.put('orphan'));
    const dropped = guest.file('dropped');
    write(dropped);
    write(1);
    assert.equal(spills(), 4);
    guest.call('path_unlink_file', 3, ...guest.put('dropped'));
    guest.call('fd_close', dropped);
    assert.equal(spills(), 3);
    const replacing = guest.file('new');
    guest.call('fd_close', replacing);
    guest.wasi[Symbol.dispose]();
    guest.wasi.files[Symbol.dispose]();
    assert.equal(spills(), 0);
  });
});

test('a damaged input blob fails the host, not the guest: it cannot be caught', async () => {
  using bench = new Bench();
  const store = await DiskStore.open(bench.folder);
  const { cid } = await store.put(Buffer.alloc(10_000, 1));
  const files = readdirSync(join(bench.folder, 'content-v2'), { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  assert.equal(files.length, 1);
  const [file] = files;
  assert.ok(file);
  truncateSync(join(file.parentPath, file.name), 5000);
  const reading = command(`
    (try (do (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32)))
      (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 10))
      (drop (call $fd_read (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 8)))) (catch_all))
    (call $proc_exit (i32.const 0))`);
  const wasi: Preview1 = bench.start({ mounts: { file: { blob: cid } }, blobs: new BlobReader(bench.folder, new Map()) });
  assert.throws(
    () => runCommand(reading, wasi),
    (error) => isDocketError(error, 'BLOB_DAMAGED'),
  );
});

test('a store that cannot take a spill fails the host', () => {
  using bench = new Bench();
  const guest = new Direct(bench.start(), 40);
  rmSync(join(bench.folder, 'tmp'), { recursive: true });
  const fd = guest.open('big', { oflags: OFLAG.creat, rights: ALL }) as number;
  assert.throws(
    () => guest.call('fd_write', fd, ...guest.iovecs([0, 2 << 20]), 0x80),
    (error) => isDocketError(error, 'STORE_UNWRITABLE'),
  );
});
