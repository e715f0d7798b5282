import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ipld } from '../../src/ipld/value.ts';
import { FAILURE_CODES } from '../../src/receipt/outcome.ts';
import { LOGGING, make, REALLOC, wasi } from '../components.ts';
import { call, never, slotOver, summary, temporaryStore } from './helpers.ts';

/** A bit of everything a component can hold: nested components, resources of the host, lists, variants, two instances of linked core modules. */
const guest = await make(
  `(module
    (import "wasi:logging/logging" "log" (func $log (param i32 i32 i32 i32 i32)))
    (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
    (import "wasi:io/streams@0.2.0" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
    (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop (param i32)))
    (memory (export "memory") 2) ${REALLOC}
    (func (export "f") (param i32 i32) (result i32) (local $out i32)
      (call $log (i32.const 2) (local.get 0) (local.get 1) (local.get 0) (local.get 1))
      (local.set $out (call $stdout))
      (call $write (local.get $out) (local.get 0) (local.get 1) (i32.const 64))
      (call $drop (local.get $out))
      (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)) (i32.const 8))
    (func (export "cabi_post_f") (param i32))
    (func (export "test:guest/more@1.0.0#g") (param i32 i32 i32) (result i32)
      (i32.store8 (i32.const 32) (i32.const 1)) (i32.store (i32.const 36) (local.get 1)) (i32.store (i32.const 40) (local.get 2)) (i32.const 32)))`,
  `interface more { variant v { a, b(string) } g: func(a: v) -> v; }
   world guest { import wasi:logging/logging; import wasi:cli/stdout@0.2.0; export f: func(a: string) -> string; export more; }`,
  `${LOGGING} ${wasi('0.2.0')}`,
);

const CALLS: readonly (readonly [string, Ipld])[] = [
  ['f', ['hello']],
  ['test:guest/more#g', [{ b: 'hello' }]],
];

test('it runs', async (t) => {
  const slot = slotOver(t, await temporaryStore(t));
  const results = CALLS.flatMap(([func, args]) =>
    [guest.component, guest.core].map((module) => slot.submit(call(module, func, args), { signal: never })),
  );
  const expected = [
    ['ok', 'hello'],
    ['ok', 'hello'],
    ['ok', { b: 'hello' }],
    ['ok', { b: 'hello' }],
  ];
  assert.deepEqual((await Promise.all(results)).map(summary), expected);
});

/** However it ends, it ends by itself or by its limit, and the slot goes on. */
async function endsWell(modules: readonly Uint8Array[], t: Parameters<typeof slotOver>[0]): Promise<Map<Ipld, number>> {
  const slot = slotOver(t, await temporaryStore(t));
  const seen = new Map<Ipld, number>();
  for (const module of modules) {
    for (const [func, args] of CALLS) {
      const end = summary(await slot.submit(call(module, func, args, { limits: { time: 1000 } }), { signal: never }));
      const [kind, code] = end;
      assert.ok(kind === 'ok' || kind === 'error' || (kind === 'lost' && code === 'limit/time'), JSON.stringify(end));
      if (kind === 'error') assert.ok((FAILURE_CODES as readonly Ipld[]).includes(code as Ipld) && code !== 'lost', JSON.stringify(end));
      const key = kind === 'ok' ? 'ok' : (code as Ipld);
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
  }
  return seen;
}

test('cut short anywhere', async (t) => {
  const cuts = [guest.component, guest.core].flatMap((whole) => Array.from({ length: whole.length }, (_, i) => whole.subarray(0, i)));
  const seen = await endsWell(cuts, t);
  // All but the last parts are needed: what comes after are names of functions, or nothing.
  assert.ok((seen.get('invalid') ?? 0) > cuts.length, JSON.stringify([...seen]));
});

test('any byte changed', async (t) => {
  const [seed] = fc.sample(fc.infiniteStream(fc.nat(255)), 1);
  const next = (): number => seed!.next().value as number;
  const changed = [guest.component, guest.core].flatMap((whole) =>
    Array.from({ length: whole.length }, (_, i) => {
      const bytes = whole.slice();
      bytes[i] = (bytes[i] as number) ^ (1 + (next() % 255));
      return bytes;
    }),
  );
  const seen = await endsWell(changed, t);
  assert.ok(seen.has('ok') && seen.has('invalid'), JSON.stringify([...seen]));
});
