import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { countBy, Place, wat } from '../agent/helpers.ts';

/** Homes on disks that are full, cannot be written, or are of the wrong kind. */

before(() => buildGuests());

/** Something mounted over a folder; undefined where that is not allowed. Taken down before the folder is removed. */
function mount(target: string, ...options: string[]): Disposable | undefined {
  const { status } = spawnSync('mount', [...options, target], { stdio: 'ignore' });
  return status === 0 ? { [Symbol.dispose]: () => void spawnSync('umount', ['-l', target]) } : undefined;
}

const NO_MOUNT = 'mounting needs root';

/** `write N`: leaves a file of 128 KiB full of N. */
const WRITE = wat(`
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 4)
  (data (i32.const 512) "out")
  (func (export "_start")
    (local $at i32) (local $n i32)
    (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (drop (call $args_get (i32.const 8) (i32.const 1024)))
    (local.set $n (i32.load (i32.load (i32.const 12))))
    (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 3) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 520))
      (then (call $proc_exit (i32.const 9))))
    (loop $fill
      (i32.store offset=4096 (local.get $at) (i32.add (local.get $n) (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $fill (i32.lt_u (local.get $at) (i32.const 131072))))
    (i32.store (i32.const 528) (i32.const 4096))
    (i32.store (i32.const 532) (i32.const 131072))
    (if (call $fd_write (i32.load (i32.const 520)) (i32.const 528) (i32.const 1) (i32.const 536)) (then (call $proc_exit (i32.const 8))))))
`);

/** Files of 128 KiB: more than fit on the disk. */
const COUNT = 64;

test('a full disk ends the run with STORE_FULL; with space again it goes on, and nothing finished is lost', async (t) => {
  using place = new Place();
  mkdirSync(place.paths.home);
  using disk = mount(place.paths.home, '-t', 'tmpfs', '-o', 'size=6m,mode=700', 'tmpfs');
  if (disk === undefined) return t.skip(NO_MOUNT);
  place.write('write.wasm', WRITE);
  const items = Array.from({ length: COUNT }, (_, i) => String(1000 + i));
  const tasks = { write: { each: items, module: 'write.wasm', args: ['${item}'], outputs: ['out'] } };
  place.write('write.yaml', JSON.stringify({ tasks }));
  const { status, stderr } = await place.docket('run', 'write.yaml');
  assert.equal(status, 1, stderr);
  assert.match(stderr, /STORE_FULL/);
  assert.match(stderr, /space/);
  await place.slotsGone([]);
  const finished = place.receipts().filter(({ tag }) => tag === 'ok');
  assert.ok(finished.length > 0 && finished.length < COUNT, `${finished.length} finished`);

  const again = await place.docket('run', 'write.yaml');
  assert.equal(again.status, 1);
  assert.match(again.stderr, /STORE_FULL/);

  assert.equal(spawnSync('mount', ['-o', 'remount,size=64m', place.paths.home]).status, 0);
  const report = await place.run('write.yaml');
  assert.equal(report.state, 'completed');
  assert.ok(report.tasks.cached >= finished.length, `${report.tasks.cached} cached of ${finished.length} finished`);
  const ok = countBy(
    place.receipts().filter(({ tag }) => tag === 'ok'),
    ({ instruction }) => instruction,
  );
  assert.deepEqual(
    [...ok.values()],
    Array.from({ length: COUNT }, () => 1),
  );
  for (const { tag, code } of place.receipts()) assert.ok(tag === 'ok' || code === 'lost' || code === 'cancelled', String(code));
  assert.deepEqual(place.leftovers(), []);
  assert.equal((await place.docket('store', 'verify')).status, 0);
});

test('a read-only home is refused by name, and nothing in it changes', async (t) => {
  using place = new Place();
  place.write('write.wasm', WRITE);
  assert.equal((await place.docket('exec', './write.wasm', '--', '1000')).status, 0);
  using bound = mount(place.paths.home, '--bind', place.paths.home);
  if (bound === undefined) return t.skip(NO_MOUNT);
  assert.equal(spawnSync('mount', ['-o', 'remount,ro,bind', place.paths.home]).status, 0);
  for (const args of [['exec', './write.wasm', '--', '1001'], ['runs']]) {
    const { status, stderr } = await place.docket(...args);
    assert.notEqual(status, 0);
    assert.match(stderr, /HOME_UNUSABLE/);
    assert.match(stderr, /read-only/);
    assert.ok(stderr.includes(place.paths.home));
  }
});

test('a home of a newer version, of another kind, or that is a file is refused before anything in it changes', async () => {
  using place = new Place();
  assert.equal((await place.docket('runs')).status, 0);
  // Reading a database in WAL mode leaves these two beside it.
  const names = (): string[] => readdirSync(place.paths.home).filter((name) => !/-(wal|shm)$/.test(name));
  const refused = async (code: string): Promise<void> => {
    const earlier = names();
    const { status, stderr } = await place.docket('runs');
    assert.notEqual(status, 0);
    assert.match(stderr, new RegExp(code));
    assert.deepEqual(names(), earlier);
  };
  writeFileSync(place.paths.format, '99\n');
  await refused('HOME_NEWER');
  writeFileSync(place.paths.format, '1\n');
  place.tamper('PRAGMA user_version = 99');
  await refused('HOME_NEWER');
  place.tamper('PRAGMA user_version = 1');
  assert.equal((await place.docket('runs')).status, 0);
  rmSync(place.paths.format);
  await refused('HOME_UNUSABLE');

  using other = new Place(undefined, join(place.write('a-file', 'text')));
  const { status, stderr } = await other.docket('runs');
  assert.notEqual(status, 0);
  assert.match(stderr, /HOME_UNUSABLE/);
});
