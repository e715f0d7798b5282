import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { Float, isMap } from '../../src/ipld/value.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { call, jobOf, SharedSlot, summary, wat } from './helpers.ts';

const numeric = wat(`(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "half") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2)))
  (func (export "both") (result i32 i64) (i32.const -1) (i64.const -2))
  (func (export "nan") (result f64) (f64.const nan))
  (func (export "nothing"))
  (memory (export "mem") 1))`);

/** Every hostile thing a function can do, beside one that behaves. */
const hostile = wat(`(module
  (memory 1)
  (table 1 externref)
  (func $forever (export "recurse") (result i32) (i32.add (call $forever) (i32.const 1)))
  (func $inner unreachable)
  (func (export "trap") (call $inner))
  (func (export "read") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "grow-table") (result i32) (table.grow (ref.null extern) (i32.const 100000000)))
  (func (export "pages") (result i32) (memory.size))
  (func (export "fine") (result i32) (i32.const 42)))`);

const shared = new SharedSlot();
const { run, check } = shared;

describe('wasm/run', () => {
  test('gives what the function returned', async () => {
    await check(call(numeric, 'add', [1, 2]), ['ok', 3]);
    await check(call(numeric, 'half', [1]), ['ok', 0.5]);
    await check(call(numeric, 'half', [2]), ['ok', new Float(1)]);
    await check(call(numeric, 'both'), ['ok', [-1, -2]]);
    await check(call(numeric, 'nothing'), ['ok', null]);
  });

  test('refuses what does not fit, naming it', async () => {
    await check(call(numeric, 'sub', []), [
      'error',
      'invalid',
      'the module does not export "sub": it exports "add", "half", "both", "nan", "nothing"',
    ]);
    await check(call(numeric, 'mem', []), ['error', 'invalid', 'export "mem" is a memory, not a function']);
    await check(call(numeric, 'add', [1]), ['error', 'invalid', '1 arguments are given, the function takes 2: (i32, i32)']);
    await check(call(numeric, 'add', [1, 'x']), ['error', 'invalid', 'argument 1 is "x", not an integer of -2^31 to 2^32-1 (i32)']);
    await check(call(numeric, 'nan'), ['error', 'invalid', 'result 0 is NaN, which has no IPLD form']);
    await check(jobOf('wasm/run', numeric, []), ['error', 'invalid', 'the input must be a map with "func" and "args"']);
    await check(jobOf('wasm/run', numeric, { func: 'add', args: [1, 2], fuel: 1 }), ['error', 'invalid', 'wasm/run knows no input "fuel"']);
    await check(jobOf('wasm/run', numeric, { func: 'add', args: 1 }), ['error', 'invalid', '"args" must be a list']);
    await check(jobOf('js/run', numeric, {}), ['error', 'invalid', 'there is no op js/run']);
    await check(call(numeric, 'add', [1, 2], { grants: ['clock'] }), [
      'error',
      'invalid',
      'the module has no WIT types and calls nothing of its host, so it cannot use what it is granted: clock',
    ]);
    await check(call(numeric, 'add', [1, 2], { grants: ['network'] }), ['error', 'invalid', 'wasm/run knows no grant network']);
  });

  test('a module that is none, or that nobody has', async () => {
    const [code, kind] = summary(await run(call(Uint8Array.of(1, 2, 3), 'f')));
    assert.deepEqual([code, kind], ['error', 'invalid']);
    const absent = { ...call(wat('(module (func (export "nobody-has-it")))'), 'nobody-has-it'), small: new Map() };
    const end = await run(absent);
    assert.ok(end.kind === 'ended' && end.end.outcome.tag === 'error');
    assert.equal(end.end.outcome.failure.code, 'lost');
    assert.deepEqual(end.end.outcome.failure.data, { error: 'BLOB_MISSING' });
  });

  test('a module from the disk store', async () => {
    const { cid } = await (await DiskStore.open(shared.root)).put(hostile);
    await check({ ...call(hostile, 'fine'), module: cid, small: new Map() }, ['ok', 42]);
  });

  test('bytes that do not match the name of the module are not run', async () => {
    const other = Cid.ofBlob(Uint8Array.of(1));
    const job = {
      ...call(numeric, 'add', [1, 2]),
      module: other,
      small: new Map([[Buffer.from(other.multihash.digest).toString('hex'), numeric]]),
    };
    const end = await run(job);
    assert.ok(end.kind === 'ended' && end.end.outcome.tag === 'error');
    assert.deepEqual(end.end.outcome.failure.data, { error: 'BLOB_DAMAGED' });
  });

  test('a trap near the memory limit says so', async () => {
    const job = jobOf('wasm/run', hostile, { func: 'trap', args: [] }, { limits: { memory: 2 * 65_536 } });
    await check(job, ['error', 'trap', 'unreachable in "inner"; it held 64 KiB of memory, and was allowed 128 KiB']);
  });

  test('traps are told with the function they happened in, and the slot goes on', async () => {
    await check(call(hostile, 'trap'), ['error', 'trap', 'unreachable in "inner"']);
    await check(call(hostile, 'read', [70_000]), ['error', 'trap', 'memory access out of bounds in function 3']);
    await check(call(hostile, 'divide', [0]), ['error', 'trap', 'divide by zero in function 4']);
    await check(call(hostile, 'fine'), ['ok', 42]);
  });

  test('endless recursion ends at the stack, not the process', async () => {
    await check(call(hostile, 'recurse'), ['error', 'limit/stack', 'the call stack is exhausted']);
    await check(call(hostile, 'fine'), ['ok', 42]);
  });

  test('memory grows up to the limit and no further; each instance begins anew', async () => {
    const limits = { memory: 10 * 65_536 };
    await check(call(hostile, 'grow', [9], { limits }), ['ok', 1]);
    await check(call(hostile, 'grow', [10], { limits }), ['ok', -1]);
    await check(call(hostile, 'pages', [], { limits }), ['ok', 1]);
    const end = await run(call(hostile, 'grow', [9], { limits }));
    assert.ok(end.kind === 'ended');
    assert.equal(end.end.usage.memory, 10 * 65_536);
  });

  test('a guest finds nothing in its memory of the one before, however that ended', async () => {
    const marking = wat(`(module
      (memory 1)
      (data (i32.const 8) "\\2a")
      (func (export "mark") (param i32) (result i32)
        (i32.add (i32.load (local.get 0)) (i32.load (i32.const 65532)))
        (i32.store (local.get 0) (i32.const 1))
        (i32.store (i32.const 65532) (i32.const 1)))
      (func (export "trap") (i32.store (i32.const 4) (i32.const 1)) unreachable))`);
    await check(call(marking, 'mark', [4]), ['ok', 0]);
    await check(call(marking, 'mark', [8]), ['ok', 42]);
    await check(call(marking, 'mark', [8]), ['ok', 42]);
    await check(call(marking, 'trap'), ['error', 'trap', 'unreachable in function 1']);
    await check(call(marking, 'mark', [4]), ['ok', 0]);
  });

  test('a maximum of its own that is lower than the limit holds', async () => {
    const modest = wat('(module (memory 1 2) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))');
    await check(call(modest, 'grow', [1]), ['ok', 1]);
    await check(call(modest, 'grow', [2]), ['ok', -1]);
  });

  test('a module that wants more memory than the limit to begin with', async () => {
    const greedy = wat('(module (memory 100) (func (export "f")))');
    await check(call(greedy, 'f', [], { limits: { memory: 99 * 65_536 } }), [
      'error',
      'limit/memory',
      'the module wants 6553600 bytes of memory to begin with, its limit is 6488064',
    ]);
    await check(call(greedy, 'f', [], { limits: { memory: 100 * 65_536 } }), ['ok', null]);
  });

  test('a memory it imports is bounded too', async () => {
    const importing = wat(
      '(module (import "env" "memory" (memory 1 50)) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))',
    );
    await check(call(importing, 'grow', [2], { limits: { memory: 3 * 65_536 } }), ['ok', 1]);
    await check(call(importing, 'grow', [3], { limits: { memory: 3 * 65_536 } }), ['ok', -1]);
  });

  test('tables have a bound', async () => check(call(hostile, 'grow-table'), ['ok', -1]));

  test('imports nobody offers are named, all of them', async () => {
    const wanting = wat(
      '(module (import "env" "now" (func)) (import "wasi_snapshot_preview1" "fd_write" (func)) (import "env" "t" (table 1 funcref)) (func (export "f")))',
    );
    const end = await run(call(wanting, 'f'));
    assert.ok(end.kind === 'ended' && end.end.outcome.tag === 'error');
    const { code, data } = end.end.outcome.failure;
    assert.equal(code, 'invalid');
    assert.ok(data !== undefined && isMap(data));
    assert.deepEqual(data['imports'], ['function env.now', 'function wasi_snapshot_preview1.fd_write', 'table env.t']);
  });

  test('a start function is guest time: it may trap, and recurse', async () => {
    await check(call(wat('(module (func $s unreachable) (func (export "f")) (start $s))'), 'f'), ['error', 'trap', 'unreachable in "s"']);
    await check(call(wat('(module (func $s call $s) (func (export "f")) (start $s))'), 'f'), [
      'error',
      'limit/stack',
      'the call stack is exhausted',
    ]);
  });
});
