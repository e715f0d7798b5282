import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ipld } from '../../src/ipld/value.ts';
import type { Slot, SlotEnd } from '../../src/runner/slot.ts';
import { componentText, LOGGING, make, REALLOC, wasi } from '../components.ts';
import { DESTRUCTORS } from '../sandbox/component/nesting.ts';
import { call, jobOf, never, slotOver, summary, temporaryStore, wat } from './helpers.ts';

/** Limits hold through the host, in real slot processes. */

type Options = NonNullable<Parameters<typeof jobOf>[3]>;

/** How it ended, and the fuel it used. */
function told(end: SlotEnd): Ipld[] {
  return [...summary(end).slice(0, 2), end.kind === 'ended' ? (end.end.usage.fuel ?? null) : 'lost'];
}

const runner =
  (slot: Slot) =>
  (module: Uint8Array, func: string, args: Ipld = [], limits: Options['limits'] = {}): Promise<SlotEnd> =>
    slot.submit(call(module, func, args, { limits }), { signal: never });

test('destructors within destructors end a task in one place, with fuel and without', async (t) => {
  const component = await componentText(DESTRUCTORS);
  const store = await temporaryStore(t);
  const run = runner(slotOver(t, store));
  const deep = async (fuel?: number): Promise<Ipld[]> => told(await run(component, 'f', [100_000], fuel === undefined ? {} : { fuel }));
  assert.deepEqual(await deep(), ['error', 'limit/call-depth', null]);
  const first = await deep(10_000_000);
  assert.deepEqual(first.slice(0, 2), ['error', 'limit/call-depth']);
  for (let i = 0; i < 20; i++) assert.deepEqual(await deep(10_000_000), first);
  const fresh = runner(slotOver(t, store));
  assert.deepEqual(told(await fresh(component, 'f', [100_000], { fuel: 10_000_000 })), first, 'in a slot that ran nothing before');
  assert.deepEqual((await deep(1_000_000)).slice(0, 2), first.slice(0, 2));
  assert.deepEqual(told(await run(component, 'f', [50])), ['ok', 1, null]);
});

/** `$end` is a call that ends the task; what it throws is caught, and what follows loops for ever. */
const stubborn = (imports: string, end: string): string => `(module ${imports} (memory (export "memory") 2) ${REALLOC}
  (func (export "f") (loop $again (block $caught (try_table (catch_all $caught) ${end})) (br $again))))`;

test('no guest goes on after what ended it, however much it catches', async (t) => {
  const run = runner(slotOver(t, await temporaryStore(t)));
  const exits = await make(
    stubborn('(import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))', '(call $exit (i32.const 1))'),
    'world guest { import wasi:cli/exit@0.2.0; export f: func(); }',
    wasi('0.2.0'),
  );
  const logs = await make(
    stubborn(
      '(import "wasi:logging/logging" "log" (func $log (param i32 i32 i32 i32 i32)))',
      '(call $log (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 0) (i32.const 1000))',
    ),
    'world guest { import wasi:logging/logging; export f: func(); }',
    LOGGING,
  );
  const limits = { time: 5000, output: 100_000 };
  for (const module of [exits.component, exits.core])
    assert.deepEqual(told(await run(module, 'f', [], limits)).slice(0, 2), ['error', 'exit']);
  for (const module of [logs.component, logs.core])
    assert.deepEqual(told(await run(module, 'f', [], limits)).slice(0, 2), ['error', 'limit/output']);
});

test('an exhausted stack is no guest’s to catch, wherever it is exhausted', async (t) => {
  const run = runner(slotOver(t, await temporaryStore(t)));
  // Each round is a bit deeper than the one before, so that some exhaust it at the entry of the host's function.
  const made = await make(
    `(module (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64))) (memory (export "memory") 1)
      (global $caught (mut i32) (i32.const 0))
      (func $deep (param i32)
        (block $out (try_table (catch_all $out) (drop (call $random)) (call $deep (local.get 0)) (return)))
        (global.set $caught (i32.const 1)))
      (func (export "f") (result i32) (call $deep (i32.const 0)) (global.get $caught)))`,
    'world guest { import wasi:random/random@0.2.0; export f: func() -> u32; }',
    wasi('0.2.0'),
  );
  for (let i = 0; i < 5; i++) assert.deepEqual(told(await run(made.component, 'f')).slice(0, 2), ['error', 'limit/stack']);
});

/** A component whose `f` gives a list of `count` lists, all of them the same 1,000 elements of zeros. */
const repeating = (type: string, declaration: string): Promise<{ readonly component: Uint8Array; readonly core: Uint8Array }> =>
  make(
    `(module (memory (export "memory") 100) (func (export "f") (param $count i32) (result i32) (local $i i32)
      (loop $more
        (i32.store (i32.add (i32.const 64) (i32.shl (local.get $i) (i32.const 3))) (i32.const 1000000))
        (i32.store (i32.add (i32.const 68) (i32.shl (local.get $i) (i32.const 3))) (i32.const 1000))
        (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $count))))
      (i32.store (i32.const 8) (i32.const 64)) (i32.store (i32.const 12) (local.get $count)) (i32.const 8)))`,
    `interface types { ${declaration} none: func(); } world guest { use types.{t}; export f: func(count: u32) -> list<list<${type}>>; }`,
  );

const parts = (count: number, name: string, type = ''): string =>
  Array.from({ length: count }, (_, i) => `${name}${i}${type === '' ? '' : `: ${type}`}`).join(', ');

test('values that stand for more than a slot should hold are refused before they are made, whatever their type', async (t) => {
  const run = runner(slotOver(t, await temporaryStore(t)));
  const long = 'x'.repeat(1000);
  const types = [
    `record t { ${parts(200, 'part', 'option<bool>')} }`,
    `record t { ${parts(30, long, 'bool')} }`,
    `flags t { ${parts(32, 'part')} }`,
    `variant t { ${long}(bool), b }`,
    'type t = tuple<u16, u16>;',
    'type t = u16;',
  ];
  for (const declaration of types) {
    const { component } = await repeating('t', declaration);
    // Far more memory than the values have in the guest, far less than they would be.
    const end = await run(component, 'f', [20_000], { memory: 16 << 20 });
    assert.ok(['trap', 'limit/output'].includes(summary(end)[1] as string), `${declaration.slice(0, 40)} ${JSON.stringify(summary(end))}`);
    assert.equal(summary(await run(component, 'f', [1], { memory: 16 << 20 }))[0], 'ok', declaration.slice(0, 40));
  }
});

test('names that make a small value large count as output', async (t) => {
  const run = runner(slotOver(t, await temporaryStore(t)));
  const { component } = await make(
    '(module (func (export "f") (result i32) (i32.const -1)))',
    `interface types { flags t { ${parts(32, 'x'.repeat(10_000))} } none: func(); } world guest { use types.{t}; export f: func() -> t; }`,
  );
  const names = 320_000 + 10 + 22 * 2;
  const end = await run(component, 'f', [], { output: 400_000 });
  assert.equal(summary(end)[0], 'ok');
  assert.ok(end.kind === 'ended' && end.end.usage.output > names);
  assert.deepEqual(told(await run(component, 'f', [], { output: names })).slice(0, 2), ['error', 'limit/output']);
});

test('what is passed in one call is not held against the next', async (t) => {
  const run = runner(slotOver(t, await temporaryStore(t)));
  const { component } = await make(
    `(module (import "wasi:logging/logging" "log" (func $log (param i32 i32 i32 i32 i32))) (memory (export "memory") 1) ${REALLOC}
      (func (export "f") (local $i i32)
        (loop $more (call $log (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
          (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 300000))))))`,
    'world guest { import wasi:logging/logging; export f: func(); }',
    LOGGING,
  );
  assert.deepEqual(told(await run(component, 'f', [])), ['ok', null, null]);
});

/** A command with a vector at 0: two pieces of 16 bytes. */
const command = (name: string, params: string, args: string): Uint8Array =>
  wat(`(module (import "wasi_snapshot_preview1" "${name}" (func $call (param ${params}) (result i32))) (memory (export "memory") 1)
    (data (i32.const 0) "\\40\\00\\00\\00\\10\\00\\00\\00\\40\\00\\00\\00\\10\\00\\00\\00") (data (i32.const 64) "a/../a")
    (func (export "_start") (drop (call $call ${args}))))`);

test('wasi/run: what the host does costs fuel, to the unit', async (t) => {
  const slot = slotOver(t, await temporaryStore(t));
  const rows: readonly (readonly [module: Uint8Array, instructions: number, host: number])[] = [
    [command('sched_yield', '', ''), 2, 256],
    [command('random_get', 'i32 i32', '(i32.const 0) (i32.const 161)'), 4, 256 + 11],
    [command('fd_write', 'i32 i32 i32 i32', '(i32.const 1) (i32.const 0) (i32.const 2) (i32.const 32)'), 6, 256 + 8 + 2],
    // Six characters are walked, at four units.
    [command('path_create_directory', 'i32 i32 i32', '(i32.const 3) (i32.const 64) (i32.const 6)'), 5, 256 + 24],
    // A call that fails has its price too.
    [command('fd_close', 'i32', '(i32.const 77)'), 3, 256],
  ];
  for (const [module, instructions, host] of rows) {
    const fuel = instructions + host;
    const run = async (limit: number): Promise<Ipld[]> => {
      const [kind, what, used] = told(await slot.submit(jobOf('wasi/run', module, {}, { limits: { fuel: limit } }), { signal: never }));
      return kind === 'ok' ? ['ok', used as Ipld] : [what as Ipld, used as Ipld];
    };
    assert.deepEqual(await run(1_000_000), ['ok', fuel]);
    assert.deepEqual(await run(fuel), ['ok', fuel]);
    assert.deepEqual(await run(fuel - 1), ['limit/fuel', fuel - 1]);
  }
});

test('components: calls and the values in them cost fuel, to the unit', async (t) => {
  const run = runner(slotOver(t, await temporaryStore(t)));
  const { component, core } = await make(
    `(module (import "wasi:logging/logging" "log" (func $log (param i32 i32 i32 i32 i32))) (memory (export "memory") 1)
      (func (export "f") (call $log (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 3))))`,
    'world guest { import wasi:logging/logging; export f: func(); }',
    LOGGING,
  );
  // The level weighs a value and its longest name four times (critical), each text a value, its place and its bytes.
  const alone = 6 + 256 + (64 + 4 * 8) / 16 + 2 * (64 / 16) + 512 / 16 + Math.ceil((512 + 3) / 16);
  // The tool that makes components puts a function of seven instructions between.
  for (const [module, fuel] of [
    [core, alone],
    [component, alone + 7],
  ] as const) {
    assert.deepEqual(told(await run(module, 'f', [], { fuel: 1000 })), ['ok', null, fuel]);
    assert.deepEqual(told(await run(module, 'f', [], { fuel })), ['ok', null, fuel]);
    assert.deepEqual(told(await run(module, 'f', [], { fuel: fuel - 1 })), ['error', 'limit/fuel', fuel - 1]);
  }
  const random = await make(
    `(module (import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32))) (memory (export "memory") 1100)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
      (func (export "f") (loop $again (call $random (i64.const 67000000) (i32.const 8)) (br $again))))`,
    'world guest { import wasi:random/random@0.2.0; export f: func(); }',
    wasi('0.2.0'),
  );
  const end = await run(random.component, 'f', [], { fuel: 4_000_000, memory: 128 << 20 });
  assert.deepEqual(told(end), ['error', 'limit/fuel', 4_000_000]);
});

test('the same fuel and the same end, after whatever ran in the slot before, and in a slot that ran nothing', async (t) => {
  const store = await temporaryStore(t);
  const { component } = await make(
    `(module
      (import "wasi:logging/logging" "log" (func $log (param i32 i32 i32 i32 i32)))
      (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
      (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
      (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
      (memory (export "memory") 2) ${REALLOC} (table $t 1 funcref) (global $count (mut i64) (i64.const 0)) (tag $e)
      (func $say (call $log (i32.const 0) (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 3)))
      (func $deep (call $say) (call $deep))
      (func (export "trap") (call $say) (drop (call $stdout)) (i32.store (i32.const 0) (i32.const 7)) (global.set $count (i64.const 1)) unreachable)
      (func (export "lie") (drop (call $stdout)) (call $log (i32.const 99) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
      (func (export "deep") (call $deep))
      (func (export "spin") (loop $again (call $say) (br $again)))
      (func (export "hoard") (loop $again (drop (call $stdout)) (br $again)))
      (func (export "throw") (call $say) (throw $e))
      (func (export "grow") (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (loop $again (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable)
      (func (export "look") (result i32)
        (i64.store (i32.const 64) (global.get $count)) (i64.store (i32.const 72) (i64.extend_i32_u (i32.load (i32.const 0))))
        (i64.store (i32.const 80) (i64.extend_i32_u (memory.size))) (i64.store (i32.const 88) (i64.extend_i32_u (table.size $t)))
        (i64.store (i32.const 96) (i64.extend_i32_u (call $stdout))) (i64.store (i32.const 104) (call $now))
        (i64.store (i32.const 112) (call $random)) (global.set $count (i64.const 5)) (i32.const 64)))`,
    `world guest { import wasi:logging/logging; import wasi:cli/stdout@0.2.0; import wasi:random/random@0.2.0; import wasi:clocks/monotonic-clock@0.2.0;
      ${['trap', 'lie', 'deep', 'spin', 'hoard', 'throw', 'grow'].map((name) => `export ${name}: func();`).join(' ')}
      export look: func() -> tuple<u64, u64, u64, u64, u64, u64, u64>; }`,
    `${LOGGING} ${wasi('0.2.0')}`,
  );
  const rows: readonly (readonly [func: string, end: Ipld, limits: Options['limits']])[] = [
    ['trap', 'trap', {}],
    ['lie', 'trap', {}],
    ['deep', 'limit/call-depth', { fuel: 100_000_000 }],
    ['spin', 'limit/fuel', { fuel: 3_000_000 }],
    ['spin', 'limit/output', { output: 10_000 }],
    ['hoard', 'trap', { fuel: 100_000_000 }],
    ['throw', 'trap', {}],
    ['grow', 'trap', { memory: 3 << 20 }],
  ];
  const limits = { fuel: 20_000_000, memory: 1 << 20 };
  const look = async (slot: Slot): Promise<Ipld> => {
    const end = await runner(slot)(component, 'look', [], limits);
    assert.equal(end.kind === 'ended' && end.end.outcome.tag === 'ok' && end.end.outcome.logs, undefined, 'nobody else’s logs');
    return [summary(end), told(end)];
  };
  const warm = slotOver(t, store);
  const seen = await look(warm);
  const ends = new Map<number, Ipld>();
  for (let round = 0; round < 3; round++) {
    for (const [i, [func, code, more]] of rows.entries()) {
      const end = told(await runner(warm)(component, func, [], { ...limits, ...more }));
      assert.equal(end[1], code, func);
      assert.deepEqual(end, ends.get(i) ?? end, func);
      ends.set(i, end);
      assert.deepEqual(await look(warm), seen, `after ${func}`);
    }
  }
  for (const [i, [func, , more]] of rows.entries()) {
    const fresh = slotOver(t, store);
    assert.deepEqual(told(await runner(fresh)(component, func, [], { ...limits, ...more })), ends.get(i), func);
    assert.deepEqual(await look(fresh), seen);
  }
});

test('start functions are bound by the same limits, alone and in components', async (t) => {
  const run = runner(slotOver(t, await temporaryStore(t)));
  const started = (body: string): Promise<{ readonly component: Uint8Array }> =>
    make(`(module (func $f ${body}) (start $f) (func (export "f")))`, 'world guest { export f: func(); }');
  const loops = await started('(loop $again (br $again))');
  assert.deepEqual(told(await run(loops.component, 'f', [], { fuel: 100_000 })), ['error', 'limit/fuel', 100_000]);
  assert.deepEqual(told(await run(loops.component, 'f', [], { time: 500 })).slice(0, 2), ['lost', 'limit/time']);
  const recurses = await started('(call $f)');
  assert.deepEqual(told(await run(recurses.component, 'f', [], { fuel: 10_000_000 })).slice(0, 2), ['error', 'limit/call-depth']);
  assert.deepEqual(told(await run(recurses.component, 'f')).slice(0, 2), ['error', 'limit/stack']);
  const grows = await make(
    '(module (memory (export "memory") 1) (func $f (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))) (start $f) (func (export "f") (result i32) memory.size))',
    'world guest { export f: func() -> u32; }',
  );
  assert.deepEqual(told(await run(grows.component, 'f', [], { memory: 1 << 20 })).slice(0, 2), ['ok', 16]);
});

test('no task is blamed for the tables of those before it', async (t) => {
  const run = runner(slotOver(t, await temporaryStore(t)));
  const module = wat(`(module (table $t 1 funcref)
    (func (export "f") (result i32)
      (loop $again (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) (table.size $t)))`);
  for (let i = 0; i < 12; i++) assert.deepEqual(told(await run(module, 'f', [], { memory: 1 << 20 })).slice(0, 2), ['ok', 1_048_001]);
});
