import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Ipld } from '../../src/ipld/value.ts';
import { componentText, LOGGING, type Made, make, REALLOC, wasi } from '../components.ts';
import { call, SharedSlot, summary, wat } from './helpers.ts';

const shared = new SharedSlot();
const { run, check } = shared;

describe('limits of wasm/run on components', () => {
  test('limits: time in a start function, memory, stack, traps', async () => {
    const loops = await make('(module (func $f (loop (br 0))) (start $f) (func (export "f")))', 'export f: func();');
    for (const module of [loops.component, loops.core]) {
      assert.deepEqual(summary(await run(call(module, 'f', [], { limits: { time: 100 } }))).slice(0, 2), ['lost', 'limit/time']);
    }
    const guest = await make(
      `(module (memory (export "memory") 2)
        (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "trap") unreachable)
        (func (export "die") (drop (memory.grow (i32.const 10))) unreachable))`,
      'export deep: func() -> u32; export grow: func(a: u32) -> s32; export trap: func(); export die: func();',
    );
    for (const module of [guest.component, guest.core]) {
      assert.deepEqual(summary(await run(call(module, 'deep'))).slice(0, 2), ['error', 'limit/stack']);
      await check(call(module, 'grow', [2], { limits: { memory: 4 << 16 } }), ['ok', 2]);
      await check(call(module, 'grow', [3], { limits: { memory: 4 << 16 } }), ['ok', -1]);
      assert.deepEqual(summary(await run(call(module, 'grow', [0], { limits: { memory: 1 << 16 } }))).slice(0, 2), [
        'error',
        'limit/memory',
      ]);
      assert.deepEqual(summary(await run(call(module, 'trap'))).slice(0, 2), ['error', 'trap']);
      assert.match(
        String(summary(await run(call(module, 'die', [], { limits: { memory: 12 << 16 } })))[2]),
        /it held 768 KiB of memory, and was allowed 768 KiB/,
      );
    }
  });

  test('fuel is counted over all core modules, and ends what has none left', async () => {
    const module = (name: string, body: string): string => `(core module $${name} (func (export "f") (result i32) ${body}))
      (core instance $${name} (instantiate $${name})) (func (export "${name}") (result u32) (canon lift (core func $${name} "f")))`;
    const bytes = await componentText(`(component ${module('loops', '(loop (br 0)) (i32.const 0)')} ${module('ends', '(i32.const 7)')})`);
    const limits = { fuel: 10_000 };
    assert.deepEqual(summary(await run(call(bytes, 'loops', [], { limits }))).slice(0, 2), ['error', 'limit/fuel']);
    const ends = [await run(call(bytes, 'ends', [], { limits })), await run(call(bytes, 'ends', [], { limits }))];
    const used = ends.map((end) => (end.kind === 'ended' ? end.end.usage.fuel : undefined));
    assert.ok(typeof used[0] === 'number' && used[0] > 0);
    assert.equal(used[1], used[0]);
    const { core } = await make('(module (func (export "f") (loop (br 0))))', 'export f: func();');
    assert.deepEqual(summary(await run(call(core, 'f', [], { limits }))).slice(0, 2), ['error', 'limit/fuel']);
  });

  test('the memories of a component share its limit', async () => {
    const module = (name: string): string => `(core module $${name} (memory 1) (func (export "f") (result i32)
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (memory.size)))
      (core instance $${name} (instantiate $${name})) (func (export "${name}") (result u32) (canon lift (core func $${name} "f")))`;
    const bytes = await componentText(`(component ${module('a')} ${module('b')})`);
    for (const name of ['a', 'b']) await check(call(bytes, name, [], { limits: { memory: 10 << 16 } }), ['ok', 5]);
    await check(call(bytes, 'a', [], { limits: { memory: 1 << 16 } }), [
      'error',
      'limit/memory',
      'the memories of the task start with 131072 bytes, their limit is 65536',
    ]);
  });

  test('what is returned counts as output, and has a bound', async () => {
    const made = await make(
      `(module (memory (export "memory") 600) (func (export "f") (param i32) (result i32)
        (i32.store (i32.const 8) (i32.const 0)) (i32.store (i32.const 12) (local.get 0)) (i32.const 8)))`,
      'export f: func(n: u32) -> list<u8>;',
    );
    const end = await run(call(made.component, 'f', [1_000_000], { limits: { output: 2_000_000 } }));
    assert.ok(end.kind === 'ended' && end.end.usage.output === 1_000_000);
    const limits = { output: 900_000 };
    await check(call(made.component, 'f', [1_000_000], { limits }), [
      'error',
      'limit/output',
      'the function returned 1000000 bytes, 900000 are allowed',
    ]);
    await check(call(made.core, 'f', [35_000_000]), [
      'error',
      'limit/output',
      'the function returned 35000000 bytes, 33554432 are allowed',
    ]);
  });

  test('guests that break the rules of the canonical ABI trap', async () => {
    const result = (address: number, length: number, more = ''): string =>
      `(data (i32.const 200) "\\ff\\fe") ${more} (func (export "f") (result i32)
        (i32.store (i32.const 8) (i32.const ${address})) (i32.store (i32.const 12) (i32.const ${length})) (i32.const 8))`;
    const traps = async (body: string, type: string, args: Ipld = []): Promise<string> => {
      const made = await make(`(module (memory (export "memory") 2) ${body})`, `export f: func${type};`);
      const [from, fromCore] = [summary(await run(call(made.component, 'f', args))), summary(await run(call(made.core, 'f', args)))];
      assert.deepEqual(from.slice(0, 2), ['error', 'trap']);
      assert.deepEqual(fromCore, from);
      return String(from[2]);
    };
    assert.match(await traps(result(200, 2), '() -> string'), /a string is not valid UTF-8/);
    assert.match(await traps(result(0, 131_073), '() -> string'), /address 0 with 131073 bytes lies beyond/);
    assert.match(await traps(result(-1, 4), '() -> list<u8>'), /address 4294967295 with 4 bytes/);
    assert.match(await traps(result(2, 4), '() -> list<u32>'), /address 2 is not aligned to 4/);
    assert.match(await traps(result(0, -1), '() -> list<string>'), /lies beyond/);
    assert.match(await traps('(func (export "f") (result i32) (i32.const 3))', '() -> tuple<u32, u32>'), /not aligned/);
    assert.match(await traps('(func (export "f") (result i32) (i32.const 131069))', '() -> tuple<u8, u8, u8, u8>'), /lies beyond/);
    assert.match(await traps('(func (export "f") (result i32) (i32.const 55296))', '() -> char'), /55296 is no character/);
    const realloc = (gives: string): string =>
      `(func (export "f") (param i32 i32)) (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) ${gives})`;
    assert.match(await traps(realloc('(i32.const 131072)'), '(a: string)', ['hello']), /lies beyond/);
    assert.match(await traps(realloc('(i32.const 3)'), '(a: list<u16>)', [[1]]), /not aligned/);
    assert.match(await traps(realloc('unreachable'), '(a: string)', ['hello']), /unreachable/);
  });

  test('a little memory that stands for a great deal is not taken out', async () => {
    // Each of the 8,000 lists is the same 8,000 lists of nothing.
    const made = await make(
      `(module (memory (export "memory") 2) (func (export "f") (result i32) (local $i i32)
        (loop $more
          (i32.store (i32.add (i32.const 64000) (i32.shl (local.get $i) (i32.const 3))) (i32.const 0))
          (i32.store (i32.add (i32.const 64004) (i32.shl (local.get $i) (i32.const 3))) (i32.const 8000))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $more (i32.lt_u (local.get $i) (i32.const 8000))))
        (i32.store (i32.const 64000) (i32.const 64000)) (i32.store (i32.const 8) (i32.const 64000)) (i32.store (i32.const 12) (i32.const 8000)) (i32.const 8)))`,
      'export f: func() -> list<list<list<u8>>>;',
    );
    for (const module of [made.component, made.core])
      await check(call(module, 'f', []), ['error', 'trap', 'the component passed more than 134217728 bytes at a time']);
  });

  test('a guest that catches what ended it is ended all the same', async () => {
    const made = await make(
      `(module (import "wasi:logging/logging" "log" (func $log (param i32 i32 i32 i32 i32))) (memory (export "memory") 1)
        (func (export "f") (result i32)
          (block $caught
            (try_table (catch_all $caught) (call $log (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))
          (i32.const 1)))`,
      'world guest { import wasi:logging/logging; export f: func() -> u32; }',
      LOGGING,
    );
    for (const module of [made.component, made.core])
      assert.match(String(summary(await run(call(module, 'f')))[2]), /^9 is no case of enum/);
  });

  test('fuel is counted in components as in core modules, and ends them', async () => {
    const made = await make(
      '(module (func (export "count") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))',
      'world guest { export count: func(n: u32); }',
    );
    const fueled = async (module: Made['core'], fuel?: number): Promise<[Ipld | undefined, unknown]> => {
      const end = await run(call(module, 'count', [10], fuel === undefined ? {} : { limits: { fuel } }));
      return [summary(end)[1], end.kind === 'ended' ? end.end.usage.fuel : 'lost'];
    };
    for (const module of [made.component, made.core]) {
      // Ten rounds of five instructions, and four units for the argument.
      assert.deepEqual(await fueled(module, 54), [null, 54]);
      assert.deepEqual(await fueled(module, 53), ['limit/fuel', 53]);
      assert.deepEqual(await fueled(module), [null, undefined], 'nothing is counted without a limit');
    }
  });

  test('a result of more values than whoever reads it should build is refused, however few bytes they are', async () => {
    const made = await make(
      `(module (memory (export "memory") 50)
        (func (export "f") (param i32) (result i32)
          (i32.store (i32.const 8) (i32.const 4096)) (i32.store (i32.const 12) (local.get 0)) (i32.const 8)))`,
      'world guest { export f: func(count: u32) -> list<bool>; }',
    );
    // With room beside what the test is about: the values are made before they are counted.
    const limits = { memory: 2 ** 30 };
    assert.equal(summary(await run(call(made.component, 'f', [1_000], { limits })))[0], 'ok');
    await check(call(made.component, 'f', [1_000_000], { limits }), [
      'error',
      'limit/output',
      'the function returned more than 1000000 values',
    ]);
  });

  test(
    'a component of very many definitions leaves no memory to be blamed on the next',
    { skip: process.platform !== 'linux' },
    async () => {
      const types = Array.from({ length: 300 }, (_, i) => `(type $t${i} (option u8)) (export "t${i}" (type $t${i}))`).join(' ');
      const bytes = await componentText(`(component (component $c ${types}) ${'(instance (instantiate $c))'.repeat(320)}
      (core module $m (func (export "f") (result i32) (i32.const 7))) (core instance $i (instantiate $m))
      (func (export "f") (result u32) (canon lift (core func $i "f"))))`);
      const limits = { memory: 512 << 20 };
      for (const end of [0, 1]) await check(call(Uint8Array.of(...bytes, 0, 2, 1, 0x78 + end), 'f', [], { limits }), ['ok', 7]);
      // The collection comes after the end has been told, and before the next task.
      await check(call(wat('(module (func (export "f") (result i32) i32.const 1))'), 'f', []), ['ok', 1]);
      const status = readFileSync(`/proc/${shared.slot.pid}/status`, 'latin1');
      const resident = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) << 10;
      assert.ok(resident < 256 << 20, `${resident >> 20} MiB`);
    },
  );

  test('no more random bytes are made than the memory of the task could hold', async () => {
    const { component } = await make(
      `(module (import "wasi:random/random@0.2.0" "get-random-bytes" (func $r (param i64 i32))) (memory (export "memory") 2) ${REALLOC}
        (func (export "f") (param i64) (result i32) (call $r (local.get 0) (i32.const 8)) (i32.load (i32.const 12))))`,
      'import wasi:random/random@0.2.0; export f: func(length: u64) -> u32;',
      wasi('0.2.0'),
    );
    const limits = { memory: 4 << 20 };
    await check(call(component, 'f', [1 << 20], { limits }), ['ok', 1 << 20]);
    const [tag, code, message] = summary(await run(call(component, 'f', [(4 << 20) + 1], { limits })));
    assert.deepEqual([tag, code], ['error', 'trap']);
    assert.match(String(message), /4194305 random bytes were asked for, 4194304 are given at a time/);
  });
});

test('a function of the host that a component passes on is not called for a task', async () => {
  const component = await componentText(`(component
    (import "wasi:random/random@0.2.0" (instance $random (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
    (alias export $random "get-random-bytes" (func $bytes)) (export "f" (func $bytes)))`);
  await check(call(component, 'f', [1_000_000], { limits: { output: 1000 } }), [
    'error',
    'invalid',
    "the function f is the host's own (wasi:random/random), which the component only passes on",
  ]);
});

test('what is returned counts as output however small it is, together with what was written', async () => {
  const made = await make(
    '(module (func (export "one") (result i32) (i32.const 1000)) (func (export "none")))',
    'export one: func() -> u32; export none: func();',
  );
  await check(call(made.component, 'one', [], { limits: { output: 2 } }), [
    'error',
    'limit/output',
    'the function returned 3 bytes, 2 are allowed',
  ]);
  await check(call(made.component, 'one', [], { limits: { output: 3 } }), ['ok', 1000]);
  await check(call(made.component, 'none', [], { limits: { output: 0 } }), ['ok', null]);
});
