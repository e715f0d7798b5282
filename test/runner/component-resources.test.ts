import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ipld } from '../../src/ipld/value.ts';
import { make, REALLOC } from '../components.ts';
import { call, never, slotOver, summary, temporaryStore } from './helpers.ts';

/** Resources that a component, or a core module made to be one, defines itself. */

test('resources that a module exports: it makes, looks into and drops their handles, and is told when one is dropped', async (t) => {
  const slot = slotOver(t, await temporaryStore(t));
  const run = async (...args: Parameters<typeof call>): Promise<Ipld[]> => summary(await slot.submit(call(...args), { signal: never }));
  const made = await make(
    `(module
      (import "[export]test:guest/things@1.0.0" "[resource-new]thing" (func $new (param i32) (result i32)))
      (import "[export]test:guest/things@1.0.0" "[resource-rep]thing" (func $rep (param i32) (result i32)))
      (import "[export]test:guest/things@1.0.0" "[resource-drop]thing" (func $drop (param i32)))
      (memory (export "memory") 2) ${REALLOC} (global $dropped (mut i32) (i32.const 0))
      (func (export "test:guest/things@1.0.0#[constructor]thing") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "test:guest/things@1.0.0#[method]thing.value") (param i32) (result i32) (local.get 0))
      (func (export "test:guest/things@1.0.0#[dtor]thing") (param i32) (global.set $dropped (i32.add (global.get $dropped) (local.get 0))))
      (func (export "test:guest/things@1.0.0#count") (param $wrong i32) (result i32) (local $handle i32)
        (call $drop (call $new (i32.const 40)))
        (local.set $handle (call $new (i32.const 2)))
        (if (i32.ne (call $rep (local.get $handle)) (i32.const 2)) (then unreachable))
        (call $drop (local.get $handle))
        (if (local.get $wrong) (then (call $drop (local.get $handle))))
        (global.get $dropped)))`,
    `interface things { resource thing { constructor(a: u32); value: func() -> u32; } count: func(wrong: bool) -> u32; } world guest { export things; }`,
  );
  for (const module of [made.component, made.core]) {
    assert.deepEqual(await run(module, 'test:guest/things#count', [false]), ['ok', 42]);
    assert.match(String((await run(module, 'test:guest/things#count', [true]))[2]), /^there is no handle 1/);
    assert.match(String((await run(module, 'test:guest/things#[constructor]thing', [1]))[2]), /it belongs to a resource/);
  }
});
