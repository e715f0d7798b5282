import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { type Ipld, isMap } from '../../src/ipld/value.ts';
import type { Failure } from '../../src/receipt/outcome.ts';
import type { JobEnd } from '../../src/runner/job.ts';
import { memoryShares } from '../../src/runner/memory-shares.ts';
import { Slot } from '../../src/runner/slot.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { jobOf, never, wat } from './helpers.ts';

/** Commands that call functions of other modules, in a real slot process. */

const WRITE = '(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))';

/** Writes what stands at `at` in its own memory to stdout. */
const say = (at: number, length: number): string => `
  (i32.store (i32.const 0) (i32.const ${at})) (i32.store (i32.const 4) (i32.const ${length}))
  (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))`;

/** A command whose exit status is what `call` leaves. */
const command = (imports: string, call: string): Uint8Array =>
  wat(`(module ${imports} (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (func (export "_start") (call $exit ${call})))`);

const ADD = wat('(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))');
const USES_ADD = command('(import "math" "add" (func $add (param i32 i32) (result i32)))', '(call $add (i32.const 2) (i32.const 3))');

let root: string;
let slot: Slot;
before(async () => {
  root = mkdtempSync(join(tmpdir(), 'docket-extensions-'));
  await DiskStore.open(root);
  slot = Slot.start({ storeRoot: root, index: 0, clock: systemClock });
});
after(async () => {
  await slot[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

interface Options {
  readonly limits?: { readonly memory?: number; readonly time?: number; readonly output?: number };
}

async function run(main: Uint8Array, extensions: Readonly<Record<string, Uint8Array>>, options: Options = {}): Promise<JobEnd['outcome']> {
  const named: Ipld = Object.fromEntries(Object.entries(extensions).map(([name, bytes]) => [name, Cid.ofBlob(bytes)]));
  const job = jobOf('wasi/run', main, { extensions: named }, { ...options, blobs: Object.values(extensions) });
  const end = await slot.submit(job, { signal: never });
  if (end.kind === 'lost') return { tag: 'error', failure: { code: end.code, message: end.message } };
  assert.ok(end.kind === 'ended');
  return end.end.outcome;
}

async function failure(main: Uint8Array, extensions: Readonly<Record<string, Uint8Array>>, options: Options = {}): Promise<Failure> {
  const outcome = await run(main, extensions, options);
  assert.ok(outcome.tag === 'error', JSON.stringify(outcome));
  return outcome.failure;
}

const exitOf = async (...args: Parameters<typeof run>): Promise<unknown> => (await failure(...args)).data?.['exit'];

test('a command calls functions of its extension', async () => {
  assert.equal(await exitOf(USES_ADD, { math: ADD }), 5);
});

test('an extension is one instance for the whole task, initialized before the command begins', async () => {
  const counter = wat(`(module (global $n (mut i32) (i32.const 0)) (func (export "_initialize") (global.set $n (i32.const 40)))
    (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))`);
  const main = command('(import "counter" "next" (func $next (result i32)))', '(block (result i32) (drop (call $next)) (call $next))');
  assert.equal(await exitOf(main, { counter }), 42);
  assert.equal(await exitOf(main, { counter }), 42, 'and a fresh one for the next task');
});

test('an extension writes to the streams of the task, from a memory of its own', async () => {
  const speaker = wat(`(module ${WRITE} (memory 1) (data (i32.const 64) "from the extension\\n") (func (export "speak") ${say(64, 19)}))`);
  const main =
    wat(`(module ${WRITE} (import "speaker" "speak" (func $speak)) (memory (export "memory") 1) (data (i32.const 64) "from the command\\n")
    (func (export "_start") ${say(64, 17)} (call $speak) ${say(64, 17)}))`);
  const outcome = await run(main, { speaker });
  assert.ok(outcome.tag === 'ok' && isMap(outcome.value), JSON.stringify(outcome));
  assert.equal(Buffer.from(outcome.value['stdout'] as Uint8Array).toString(), 'from the command\nfrom the extension\nfrom the command\n');
});

describe('what an extension does ends the task, as if the command had done it', () => {
  test('it exits', async () => {
    const quitter = wat(
      '(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (func (export "add") (param i32 i32) (result i32) (call $exit (i32.const 9)) (i32.const 0)))',
    );
    assert.equal(await exitOf(USES_ADD, { math: quitter }), 9);
  });

  test('it traps, also while it is made', async () => {
    const trap = wat('(module (func (export "add") (param i32 i32) (result i32) unreachable))');
    const early = wat('(module (start $s) (func $s unreachable) (func (export "add") (param i32 i32) (result i32) (i32.const 0)))');
    assert.equal((await failure(USES_ADD, { math: trap })).code, 'trap');
    assert.equal((await failure(USES_ADD, { math: early })).code, 'trap');
  });

  test('it loops', async () => {
    const loop = wat('(module (func (export "add") (param i32 i32) (result i32) (loop $l (br $l)) (i32.const 0)))');
    assert.equal((await failure(USES_ADD, { math: loop }, { limits: { time: 200 } })).code, 'limit/time');
  });

  test('it floods stdout', async () => {
    const flood = wat(
      `(module ${WRITE} (memory 1) (func (export "add") (param i32 i32) (result i32) (loop $l ${say(0, 65_536)} (br $l)) (i32.const 0)))`,
    );
    assert.equal((await failure(USES_ADD, { math: flood }, { limits: { output: 1 << 20 } })).code, 'limit/output');
  });
});

describe('one memory limit bounds the sum', () => {
  const PAGE = 65_536;
  /** Gives how many pages it has in the end, having taken all it could. */
  const GREEDY = '(block $full (loop $l (br_if $full (i32.eq (memory.grow (i32.const 1)) (i32.const -1))) (br $l)))';
  const greedy = wat(`(module (memory 1) (func (export "take") (result i32) ${GREEDY} (memory.size)))`);
  const main = command(
    '(import "greedy" "take" (func $take (result i32)))',
    `(block (result i32) ${GREEDY} (i32.add (call $take) (memory.size)))`,
  );

  test('whatever both take', async () => {
    assert.equal(await exitOf(main, { greedy }, { limits: { memory: 40 * PAGE } }), 40);
    assert.equal(await exitOf(main, { greedy }, { limits: { memory: 41 * PAGE } }), 41);
  });

  test('what they start with is refused if it is more', async () => {
    assert.equal((await failure(main, { greedy }, { limits: { memory: PAGE } })).code, 'limit/memory');
  });

  test('the shares: what it starts with, then what it wants, then equal parts', () => {
    assert.deepEqual(memoryShares([{ initial: 2 }, undefined, { initial: 1, maximum: 3 }, { initial: 1 }], 20 * PAGE), [
      9 * PAGE,
      0,
      3 * PAGE,
      8 * PAGE,
    ]);
    assert.deepEqual(memoryShares([{ initial: 1 }], 5 * PAGE + 1), [5 * PAGE]);
  });
});

describe('what does not fit is refused before anything runs', () => {
  const cases: readonly [string, Uint8Array, RegExp][] = [
    ['a function that is missing', wat('(module (func (export "sub")))'), /exports no "add"/],
    [
      'a function of another type',
      wat('(module (func (export "add") (param i64) (result i32) (i32.const 0)))'),
      /as \(i64\) -> \(i32\), it is imported as \(i32, i32\)/,
    ],
    ['a memory where a function is wanted', wat('(module (memory (export "add") 1))'), /as a memory/],
    [
      'a command',
      wat('(module (func (export "_start")) (func (export "add") (param i32 i32) (result i32) (i32.const 0)))'),
      /is a command/,
    ],
    [
      'an extension of an extension',
      wat('(module (import "more" "f" (func)) (func (export "add") (param i32 i32) (result i32) (i32.const 0)))'),
      /no extension of its own/,
    ],
    [
      'a preview 1 call of another type',
      wat(
        '(module (import "wasi_snapshot_preview1" "proc_exit" (func (param f32))) (func (export "add") (param i32 i32) (result i32) (i32.const 0)))',
      ),
      /another preview 1/,
    ],
    ['no module at all', Buffer.from('nonsense'), /not valid WebAssembly/],
  ];
  for (const [what, extension, message] of cases) {
    test(what, async () => {
      const { code, message: said } = await failure(USES_ADD, { math: extension });
      assert.equal(code, 'invalid');
      assert.match(said, message);
    });
  }

  test('names and links that are none', async () => {
    for (const extensions of [[], { math: 'text' }, { docket: Cid.ofBlob(ADD) }, { wasi_snapshot_preview1: Cid.ofBlob(ADD) }] as Ipld[]) {
      const end = await slot.submit(jobOf('wasi/run', USES_ADD, { extensions }, { blobs: [ADD] }), { signal: never });
      assert.ok(end.kind === 'ended' && end.end.outcome.tag === 'error');
      assert.equal(end.end.outcome.failure.code, 'invalid');
    }
  });

  test('without an extension the import is told as missing', async () => {
    assert.match((await failure(USES_ADD, {})).message, /imports what is not there: function math\.add/);
  });
});

test('nothing of the host’s own language can be imported', async () => {
  const sneaky = wat('(module (import "constructor" "assign" (func (result i32))) (memory (export "memory") 1) (func (export "_start")))');
  assert.match((await failure(sneaky, {})).message, /imports what is not there: function constructor\.assign/);
  const viaWasi = wat(
    '(module (import "wasi_snapshot_preview1" "toString" (func (result i32))) (memory (export "memory") 1) (func (export "_start")))',
  );
  assert.equal((await failure(viaWasi, {})).code, 'invalid');
});
