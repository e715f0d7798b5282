import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { mapConcurrent } from '../../src/base/limit-concurrency.ts';
import { FORMAT } from '../../src/ledger/schema.ts';
import { countBy, Place, wat } from '../agent/helpers.ts';
import { tidy } from '../ledger/helpers.ts';

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
  const writing = (some: readonly string[]): string =>
    JSON.stringify({ tasks: { write: { each: some, module: 'write.wasm', args: ['${item}'], outputs: ['out'] } } });
  place.write('few.yaml', writing(items.slice(0, 4)));
  place.write('write.yaml', writing(items));
  // On a slow machine what the others write fills the disk before anything of them is committed.
  assert.equal((await place.run('few.yaml')).state, 'completed');
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

  // Without its shared memory, for which there is no space now, SQLite cannot open the ledger as usual.
  rmSync(`${place.paths.ledger}-shm`, { force: true });
  fill(place.paths.home);
  for (const words of [['runs'], ['show', 'last'], ['store', 'ls']]) {
    const looked = await place.docket(...words);
    assert.equal(looked.status, 0, `${words.join(' ')}: ${looked.stderr}`);
  }
  rmSync(join(place.paths.home, FILLING));

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

const FILLING = 'filling';

/** Leaves no space on the disk of a folder. */
function fill(folder: string): void {
  assert.equal(spawnSync('dd', ['if=/dev/zero', `of=${join(folder, FILLING)}`, 'bs=4k']).status, 1, 'the disk is full');
}

/** Makes the home read-only for this user until disposed of; undefined where that cannot be done. */
function readOnly({ paths: { home } }: Place): Disposable | undefined {
  if (process.getuid!() === 0) {
    const bound = mount(home, '--bind', home);
    return bound === undefined || spawnSync('mount', ['-o', 'remount,ro,bind', home]).status === 0 ? bound : undefined;
  }
  spawnSync('chmod', ['-R', 'a-w', home]);
  return { [Symbol.dispose]: () => void spawnSync('chmod', ['-R', 'u+w', home]) };
}

/** What a home may hold beside the ledger when its last command has ended, or when it was copied. */
const LOGS: Readonly<Record<string, (place: Place) => void>> = {
  'with a log': () => {},
  'without a log': (place) => tidy(place.paths.ledger),
  'with a log and without shared memory': (place) => rmSync(`${place.paths.ledger}-shm`, { force: true }),
};

for (const [what, prepare] of Object.entries(LOGS)) {
  test(`a read-only home ${what} can be looked at; what would write is refused by name, and nothing in it changes`, async (t) => {
    using place = new Place();
    place.write('write.wasm', WRITE);
    const { status, stdout } = await place.docket('exec', './write.wasm', '--json', '--', '1000');
    assert.equal(status, 0);
    const { receipt, out } = JSON.parse(stdout) as { receipt: string; out: [string, { files: { '/': string } }] };
    const tree = out[1].files['/'];
    prepare(place);
    using bound = readOnly(place);
    if (bound === undefined) return t.skip(NO_MOUNT);
    const everything = (): string[] => readdirSync(place.paths.home, { recursive: true }).map(String).toSorted();
    const untouched = everything();
    const first = [['runs'], ['show', 'last'], ['store', 'cat', tree]];
    const others = [
      ['logs', 'last', 'exec'],
      ['why', 'last', 'exec'],
      ['show', receipt],
      ['receipt', 'show', receipt],
      ['receipt', 'verify', receipt],
      ['store', 'ls'],
      ['store', 'ls', tree],
      ['store', 'stat', tree],
      ['store', 'get', tree, place.at('files')],
      ['store', 'verify'],
    ];
    // They all open the home in the same way.
    await mapConcurrent(what === 'with a log' ? [...first, ...others] : first, 4, async (args) => {
      const ended = await place.docket(...args);
      assert.deepEqual([ended.status, ended.stderr.includes('[')], [0, false], `${args.join(' ')}\n${ended.stderr}`);
    });
    for (const args of [
      ['exec', './write.wasm', '--', '1001'],
      ['store', 'put', 'write.wasm'],
    ]) {
      const refused = await place.docket(...args);
      assert.notEqual(refused.status, 0);
      assert.match(refused.stderr, /HOME_UNUSABLE/);
      assert.match(refused.stderr, /read-only|no permission to write/);
      assert.ok(refused.stderr.includes(place.paths.home));
    }
    assert.deepEqual(everything(), untouched);
  });
}

test('a read-only home that is newer, or none, is refused by name too', async (t) => {
  using place = new Place();
  assert.equal((await place.docket('runs')).status, 0);
  writeFileSync(place.paths.format, '99\n');
  using bound = readOnly(place);
  if (bound === undefined) return t.skip(NO_MOUNT);
  assert.match((await place.docket('runs')).stderr, /HOME_NEWER/);
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
  place.tamper(`PRAGMA user_version = ${FORMAT}`);
  assert.equal((await place.docket('runs')).status, 0);
  rmSync(place.paths.format);
  await refused('HOME_UNUSABLE');

  using other = new Place(undefined, join(place.write('a-file', 'text')));
  const { status, stderr } = await other.docket('runs');
  assert.notEqual(status, 0);
  assert.match(stderr, /HOME_UNUSABLE/);
});
