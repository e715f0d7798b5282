import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { NO_FUEL } from '../../src/workflow/limits.ts';
import { call, jobOf, never, slotOver, summary, temporaryStore, wat } from './helpers.ts';

/** The limit of fuel, in real slot processes. */

const numeric = wat(`(module
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))
  (func (export "loop") (loop (br 0)))
  (func (export "count") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "trap") unreachable)
  (func (export "throw") (throw $t))
  (func (export "nothing"))
  (tag $t))`);
const started = wat('(module (func $start (loop (br 0))) (start $start) (func (export "f")))');

/** A command that calls `times` of its extension, then prints nothing and ends well. */
const main = wat(`(module (import "lib" "work" (func $work (param i32))) (memory (export "memory") 1)
  (func (export "_start") (call $work (i32.const 100)) (call $work (i32.const 100))))`);
const lib = wat(`(module (func (export "work") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`);

const ended = (
  slotEnd: Awaited<ReturnType<ReturnType<typeof slotOver>['submit']>>,
): { outcome: Ipld[]; fuel: number | bigint | undefined } => {
  assert.equal(slotEnd.kind, 'ended');
  return { outcome: summary(slotEnd), fuel: slotEnd.kind === 'ended' ? slotEnd.end.usage.fuel : undefined };
};

test('wasm/run: a task uses what it uses each time, which suffices, and one less does not', async (t) => {
  const slot = slotOver(t, await temporaryStore(t));
  const run = async (func: string, args: Ipld, fuel?: number | bigint): Promise<ReturnType<typeof ended>> =>
    ended(await slot.submit(call(numeric, func, args, { limits: fuel === undefined ? {} : { fuel } }), { signal: never }));
  // Ten rounds of local.get, i32.const, i32.sub, local.tee and br_if.
  assert.deepEqual(await run('count', [10], 1_000_000), { outcome: ['ok', null], fuel: 50 });
  assert.deepEqual(await run('count', [10], 50), { outcome: ['ok', null], fuel: 50 });
  assert.deepEqual(await run('count', [10], 49), { outcome: ['error', 'limit/fuel', 'the task used up its fuel of 49 units'], fuel: 49 });
  assert.deepEqual(await run('nothing', [], 0), { outcome: ['ok', null], fuel: 0 });
  assert.equal((await run('count', [10], 0)).outcome[1], 'limit/fuel');
  assert.equal((await run('loop', [], 5_000_000)).outcome[1], 'limit/fuel');
  assert.deepEqual(await run('count', [1000], 2n ** 64n - 2n), { outcome: ['ok', null], fuel: 5000 });
  assert.deepEqual(await run('count', [10]), { outcome: ['ok', null], fuel: undefined }, 'nothing is counted without a limit');
  assert.deepEqual(await run('count', [10], NO_FUEL), { outcome: ['ok', null], fuel: undefined });
  assert.equal((await run('trap', [], 100)).outcome[1], 'trap');
  assert.match(String((await run('throw', [], 100)).outcome[2]), /exception nobody caught/);
});

test('a start function pays too', async (t) => {
  const slot = slotOver(t, await temporaryStore(t));
  const end = ended(await slot.submit(call(started, 'f', [], { limits: { fuel: 1_000_000 } }), { signal: never }));
  assert.deepEqual([end.outcome[1], end.fuel], ['limit/fuel', 1_000_000]);
});

test('how deep calls nest is bounded, and the same each time', async (t) => {
  const slot = slotOver(t, await temporaryStore(t));
  const deep = async (depth: number): Promise<ReturnType<typeof ended>> =>
    ended(await slot.submit(call(numeric, 'deep', [depth], { limits: { fuel: 1_000_000_000 } }), { signal: never }));
  let [works, fails] = [1, 1_000_000];
  while (fails - works > 1) {
    const middle = (works + fails) >> 1;
    const { outcome } = await deep(middle);
    if (outcome[0] === 'ok') works = middle;
    else {
      assert.equal(outcome[1], 'limit/call-depth');
      fails = middle;
    }
  }
  // By hand: 10 slots a call, a parameter, three operands at most; the outermost has the door it was called through besides.
  assert.equal(works, Math.floor((100_000 - 12) / 14) - 1);
  for (let i = 0; i < 200; i++) assert.equal((await deep(works)).outcome[0], 'ok', 'also when the code was optimized');
  assert.equal((await deep(fails)).outcome[1], 'limit/call-depth');
});

test('wasi/run: a command and its extensions share their fuel', async (t) => {
  const slot = slotOver(t, await temporaryStore(t));
  const run = async (fuel: number): Promise<ReturnType<typeof ended>> => {
    const job = jobOf('wasi/run', main, { extensions: { lib: Cid.ofBlob(lib) } }, { limits: { fuel }, blobs: [lib] });
    return ended(await slot.submit(job, { signal: never }));
  };
  const { outcome, fuel } = await run(1_000_000);
  assert.equal(outcome[0], 'ok');
  assert.equal(fuel, 4 + 2 * 500);
  assert.equal((await run(1004)).outcome[0], 'ok');
  assert.deepEqual(await run(1003), { outcome: ['error', 'limit/fuel', 'the task used up its fuel of 1003 units'], fuel: 1003 });
});

test('programs write the same and end the same, and a limit ends one in the middle with what it wrote so far', async (t) => {
  const slot = slotOver(t, await temporaryStore(t));
  const program = readFileSync(new URL('../../build/guests/exit.wasm', import.meta.url));
  const run = async (fuel?: number): Promise<Ipld[]> =>
    summary(
      await slot.submit(jobOf('wasi/run', program, { args: ['3'] }, { limits: fuel === undefined ? {} : { fuel } }), { signal: never }),
    );
  assert.deepEqual(await run(1_000_000), await run());
});

test('modules cannot reach the counters', async (t) => {
  const slot = slotOver(t, await temporaryStore(t));
  const thief = wat('(module (import "docket:metering" "fuel" (global $g (mut i64))) (func (export "f") (global.set $g (i64.const 99))))');
  for (const limits of [{}, { fuel: 10 }]) {
    const end = await slot.submit(call(thief, 'f', [], { limits }), { signal: never });
    assert.equal(summary(end)[1], 'invalid');
  }
});
