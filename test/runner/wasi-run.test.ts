import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { type Ipld, isLink, isMap, type IpldMap } from '../../src/ipld/value.ts';
import type { Failure } from '../../src/receipt/outcome.ts';
import type { Job, JobEnd } from '../../src/runner/job.ts';
import { Slot } from '../../src/runner/slot.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { contentPath } from '../../src/store/paths.ts';
import * as Tree from '../../src/store/tree.ts';
import { hex, jobOf, never, summary, wat } from './helpers.ts';

/** A command around `body`; `$write` puts bytes on a descriptor, `$create` a file of a one-letter name beside others. */
const command = (body: string, more = ''): Uint8Array =>
  wat(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
    (memory (export "memory") 2)
    (data (i32.const 64) "hello\\n")
    ;; writes length bytes from address to descriptor fd; gives the errno
    (func $write (param $fd i32) (param $address i32) (param $length i32) (result i32)
      (i32.store (i32.const 0) (local.get $address))
      (i32.store (i32.const 4) (local.get $length))
      (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    ;; opens the file whose name stands at address, made if it is not there; gives its descriptor
    (func $create (param $address i32) (param $length i32) (result i32)
      (if (call $path_open (i32.const 3) (i32.const 0) (local.get $address) (local.get $length) (i32.const 1) (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 12)) (then unreachable))
      (i32.load (i32.const 12)))
    ${more}
    (func (export "_start") ${body}))`);

const hello = command('(drop (call $write (i32.const 1) (i32.const 64) (i32.const 6)))');

let root: string;
let store: DiskStore;
let slot: Slot;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'docket-runner-'));
  store = await DiskStore.open(root);
  slot = Slot.start({ storeRoot: root, index: 0, clock: systemClock });
});
after(async () => {
  await slot[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

async function run(job: Job): Promise<JobEnd> {
  const end = await slot.submit(job, { signal: never });
  assert.ok(end.kind === 'ended', JSON.stringify(end));
  return end.end;
}

async function value(job: Job): Promise<IpldMap> {
  const { outcome } = await run(job);
  assert.ok(outcome.tag === 'ok' && isMap(outcome.value), JSON.stringify(outcome));
  return outcome.value;
}

async function failure(job: Job): Promise<Failure> {
  const { outcome } = await run(job);
  assert.ok(outcome.tag === 'error', JSON.stringify(outcome));
  return outcome.failure;
}

const text = (bytes: Ipld | undefined): string => Buffer.from(bytes as Uint8Array).toString();

/** The tree of a task's result. */
async function treeOf({ outcome, small }: JobEnd): Promise<Tree.Tree> {
  const result = outcome.tag === 'ok' ? outcome.value : (outcome.failure.data ?? null);
  assert.ok(isMap(result));
  const link = result['files'] ?? null;
  assert.ok(isLink(link) && Cid.isTree(link));
  return Tree.decode(small.get(hex(link)) ?? (await store.read(link)));
}

describe('wasi/run', () => {
  test('hello', async () => {
    const { exit, stdout, stderr, files } = await value(jobOf('wasi/run', hello, {}));
    assert.deepEqual([exit, text(stdout), text(stderr), String(files)], [0, 'hello\n', '', String(Cid.ofTree(Tree.encode({})))]);
  });

  test('another exit status is a failure that shows all the same', async () => {
    const { code, message, data } = await failure(
      jobOf('wasi/run', command('(drop (call $write (i32.const 2) (i32.const 64) (i32.const 6))) (call $exit (i32.const 300))'), {}),
    );
    assert.deepEqual(
      [code, message, data?.['exit'], text(data?.['stderr'])],
      ['exit', 'the program ended with exit status 300', 300, 'hello\n'],
    );
    assert.ok(isLink(data?.['files'] ?? null));
  });

  test('a trap tells what the program said last', async () => {
    const { code, message, data } = await failure(
      jobOf('wasi/run', command('(drop (call $write (i32.const 2) (i32.const 64) (i32.const 6))) unreachable'), {}),
    );
    assert.deepEqual([code, text(data?.['stderr'])], ['trap', 'hello\n']);
    assert.match(message, /^unreachable in function \d+$/);
  });

  test('a trap of a guest that was refused more memory says how near its limit it was', async () => {
    const hog = command('(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable');
    const job = jobOf('wasi/run', hog, {}, { limits: { memory: 32 * 65_536 } });
    const { code, message, data } = await failure(job);
    assert.equal(code, 'trap');
    assert.match(message, /^unreachable in function \d+; it held 2 MiB of memory, and was allowed 2 MiB$/);
    assert.deepEqual([data?.['memory'], data?.['memoryLimit']], [32 * 65_536, 32 * 65_536]);
    assert.deepEqual(await failure(job), { code, message, data }, 'the same each time');
  });

  test('a guest that catches the end of its task is ended all the same', async () => {
    const catching = command(
      '(try (do (call $exit (i32.const 3))) (catch_all)) (drop (call $write (i32.const 1) (i32.const 64) (i32.const 6)))',
    );
    const { code, data } = await failure(jobOf('wasi/run', catching, {}));
    assert.deepEqual([code, data?.['exit'], text(data?.['stdout'])], ['exit', 3, '']);
  });

  test('what is no command is refused with what it is', async () => {
    const library = await failure(
      jobOf('wasi/run', wat('(module (memory (export "memory") 1) (func (export "add")) (func (export "sub")))'), {}),
    );
    assert.deepEqual(
      [library.code, library.message],
      ['invalid', 'not a command: the module does not export "_start": it exports "add", "sub"'],
    );
    const reactor = await failure(jobOf('wasi/run', wat('(module (func (export "_initialize")) (func (export "add")))'), {}));
    assert.equal(reactor.message, 'not a command, but a library that others call (a reactor: it exports "_initialize" and no "_start")');
    const many = Array.from({ length: 60 }, (_, i) => `(func (export "f${i}"))`).join('');
    const crowd = await failure(jobOf('wasi/run', wat(`(module ${many})`), {}));
    assert.match(crowd.message, /: it exports "f0", (?:"f\d", ){8}"f9" and 50 more$/);
    for (const [module, name, purpose] of [
      ['wasi_unstable', 'fd_seek', 'the draft before preview 1'],
      ['gojs', 'runtime.wasmExit', 'JavaScript, by Go with GOOS=js'],
      ['wbg', '__wbindgen_throw', 'JavaScript, by wasm-bindgen'],
    ]) {
      const foreign = await failure(jobOf('wasi/run', wat(`(module (import "${module}" "${name}" (func)) (func (export "_start")))`), {}));
      assert.deepEqual(
        [foreign.code, foreign.message, foreign.data?.['part']],
        ['invalid', `the module was built for ${purpose}: it imports from ${module}`, 'module'],
      );
    }
    const odd = await failure(jobOf('wasi/run', wat('(module (func (export "_start") (param i32)))'), {}));
    assert.deepEqual([odd.code, odd.message], ['invalid', 'not a command: its "_start" takes or returns values']);
    const wanting = await failure(
      jobOf(
        'wasi/run',
        wat('(module (import "wasi_snapshot_preview1" "fd_frobnicate" (func)) (import "env" "x" (func)) (func (export "_start")))'),
        {},
      ),
    );
    assert.deepEqual(
      [wanting.code, wanting.data?.['imports']],
      ['invalid', ['function wasi_snapshot_preview1.fd_frobnicate', 'function env.x']],
    );
    const lying = await failure(
      jobOf(
        'wasi/run',
        wat('(module (import "wasi_snapshot_preview1" "fd_close" (func (param i64) (result i32))) (func (export "_start")))'),
        {},
      ),
    );
    assert.deepEqual(
      [lying.code, lying.message],
      ['invalid', 'the module was built for another preview 1: fd_close is imported as (i64) -> (i32), it is (i32) -> (i32)'],
    );
  });

  test('a flood on stdout ends at the limit', async () => {
    const flood = command('(loop $again (drop (call $write (i32.const 1) (i32.const 0) (i32.const 65536))) (br $again))');
    const job = jobOf('wasi/run', flood, {}, { limits: { output: 3_000_000 } });
    const end = await run(job);
    assert.deepEqual(summary({ kind: 'ended', end }).slice(0, 2), ['error', 'limit/output']);
    assert.ok(end.usage.output <= 3_000_000);
    assert.deepEqual(await readdir(join(root, 'tmp')), []);
  });

  test('a stream of up to 4 KiB is inline, a longer one a blob on disk', async () => {
    const writing = (length: number): Uint8Array =>
      command(
        `(memory.fill (i32.const 64) (i32.const 97) (i32.const ${length})) (drop (call $write (i32.const 1) (i32.const 64) (i32.const ${length})))`,
      );
    assert.equal(text((await value(jobOf('wasi/run', writing(4096), {})))['stdout']), 'a'.repeat(4096));
    const end = await run(jobOf('wasi/run', writing(4097), {}));
    const link = end.outcome.tag === 'ok' && isMap(end.outcome.value) ? end.outcome.value['stdout'] : undefined;
    assert.ok(link !== undefined && isLink(link));
    assert.deepEqual(end.written.map(String), [String(link)]);
    await store.settle(end.written);
    assert.equal(Buffer.from(await store.read(link)).toString(), 'a'.repeat(4097));
  });

  test('small files travel with the end, large ones lie on disk, and only what the globs say is kept', async () => {
    const writer = command(`
      (local $small i32) (local $large i32) (local $i i32)
      (i32.store8 (i32.const 32) (i32.const 97)) (i32.store8 (i32.const 33) (i32.const 98)) (i32.store8 (i32.const 34) (i32.const 99))
      (local.set $small (call $create (i32.const 32) (i32.const 1)))
      (local.set $large (call $create (i32.const 33) (i32.const 1)))
      (drop (call $create (i32.const 34) (i32.const 1)))
      (drop (call $write (local.get $small) (i32.const 64) (i32.const 6)))
      (loop $again
        (drop (call $write (local.get $large) (i32.const 0) (i32.const 65536)))
        (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 80))))`);
    const end = await run(jobOf('wasi/run', writer, { outputs: ['a', 'b'] }));
    const tree = await treeOf(end);
    assert.deepEqual(Object.keys(tree), ['a', 'b']);
    const { a, b } = tree;
    assert.ok(a !== undefined && 'cid' in a && b !== undefined && 'cid' in b);
    assert.equal(Buffer.from(end.small.get(hex(a.cid)) ?? []).toString(), 'hello\n');
    assert.equal(b.size, 80 * 65_536);
    assert.deepEqual(end.written.map(String), [String(b.cid)]);
    assert.equal((await store.read(b.cid)).length, 80 * 65_536);
    assert.deepEqual(await readdir(join(root, 'tmp')), []);
  });

  /** Opens file `f`, and copies up to 100 bytes of it to stdout. */
  const cat = command(`
    (i32.store8 (i32.const 32) (i32.const 102))
    (i32.store (i32.const 0) (i32.const 200)) (i32.store (i32.const 4) (i32.const 100))
    (drop (call $fd_read (call $create (i32.const 32) (i32.const 1)) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $write (i32.const 1) (i32.const 200) (i32.load (i32.const 8))))`);

  test('reads its inputs: text, small blobs, blobs on disk, trees', async () => {
    const content = Buffer.from('content');
    const small = Cid.ofBlob(content);
    const onDisk = Buffer.alloc(10_000, 'x');
    const large = (await store.put(onDisk)).cid;
    const tree = Tree.encode({ f: { cid: small, size: 7, executable: false } });
    const of = async (files: Ipld, blobs: readonly Uint8Array[] = []): Promise<string> =>
      text((await value(jobOf('wasi/run', cat, { files }, { blobs })))['stdout']);
    assert.equal(await of({ f: 'text' }), 'text');
    assert.equal(await of({ f: small }, [content]), 'content');
    assert.equal(await of({ f: { cid: small, size: 7, executable: true } }, [content]), 'content');
    assert.equal(await of({ f: large }), 'x'.repeat(100));
    const job = jobOf('wasi/run', cat, { files: { '.': Cid.ofTree(tree) } }, { blobs: [content, tree] });
    assert.equal(text((await value(job))['stdout']), 'content');
  });

  test("a blob that is nowhere, or damaged, is not the task's failure", async () => {
    const absent = Cid.ofBlob(Buffer.from('nobody has this'));
    const missing = await failure(jobOf('wasi/run', cat, { files: { f: absent } }));
    assert.deepEqual([missing.code, missing.data], ['lost', { error: 'BLOB_MISSING' }]);
    const { cid } = await store.put(Buffer.alloc(5000, 'y'));
    const path = contentPath(root, hex(cid));
    await chmod(path, 0o600);
    await writeFile(path, Buffer.alloc(5000, 'z'));
    const damaged = await failure(jobOf('wasi/run', cat, { files: { f: cid } }));
    assert.deepEqual([damaged.code, damaged.data], ['lost', { error: 'BLOB_DAMAGED' }]);
  });

  test('a file that is none is refused by its path', async () => {
    const { code, message } = await failure(jobOf('wasi/run', cat, { files: { 'a/b': 7 } }));
    assert.deepEqual([code, message.slice(0, 32)], ['invalid', 'the file "a/b" is the value 7: i']);
    assert.equal((await failure(jobOf('wasi/run', cat, { files: { '../f': 'x' } }))).code, 'invalid');
    assert.equal((await failure(jobOf('wasi/run', cat, { files: { a: 'x', 'a/b': 'y' } }))).code, 'invalid');
  });

  test('open files are bounded; the guest is told', async () => {
    const greedy = command(
      `(i32.store8 (i32.const 32) (i32.const 97)) (loop $again (drop (call $create (i32.const 32) (i32.const 1))) (br $again))`,
    );
    assert.deepEqual((await failure(jobOf('wasi/run', greedy, {}, { limits: { openFiles: 8 } }))).code, 'trap');
  });

  /** Writes 16 random bytes and the time. */
  const chance = command(`
    (drop (call $random (i32.const 200) (i32.const 16)))
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 216)))
    (drop (call $write (i32.const 1) (i32.const 200) (i32.const 24)))`);

  test('the same job gives the same end in every process', async (t) => {
    const other = Slot.start({ storeRoot: root, index: 1, clock: systemClock });
    t.after(() => other[Symbol.asyncDispose]());
    const job = jobOf('wasi/run', chance, {});
    const first = await run(job);
    const second = await other.submit(job, { signal: never });
    assert.ok(second.kind === 'ended');
    assert.deepEqual(second.end.outcome, first.outcome);
    assert.deepEqual((await run({ ...job, seed: new Uint8Array(32) })).outcome.tag, 'ok');
    assert.notDeepEqual((await run({ ...job, seed: new Uint8Array(32) })).outcome, first.outcome);
  });

  test('grants give the real thing, and nothing else is granted', async () => {
    const of = async (grants: readonly string[]): Promise<Uint8Array> =>
      (await value(jobOf('wasi/run', chance, {}, { grants })))['stdout'] as Uint8Array;
    const [a, b] = [await of(['random']), await of(['random'])];
    assert.notDeepEqual(a.subarray(0, 16), b.subarray(0, 16));
    assert.deepEqual(a.subarray(16), b.subarray(16));
    const asked = BigInt(Date.now()) * 1_000_000n;
    assert.ok(Buffer.from(await of(['clock'])).readBigUInt64LE(16) > asked - 10_000_000n);
    assert.ok(Buffer.from(b).readBigUInt64LE(16) < asked);
    assert.equal((await failure(jobOf('wasi/run', chance, {}, { grants: ['network'] }))).message, 'wasi/run knows no grant network');
  });
});
