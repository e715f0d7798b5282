import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ipld } from '../../src/ipld/value.ts';
import type { Slot, SlotEnd } from '../../src/runner/slot.ts';
import { componentText, LOGGING, make, REALLOC, wasi } from '../components.ts';
import { DESTRUCTORS } from '../sandbox/component/nesting.ts';
import { call, jobOf, never, slotOver, summary, temporaryStore } from './helpers.ts';

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
