import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import { HandClock } from '../hand-clock.ts';
import { call, groupMembers, isAlive, jobOf, never, slotOver, summary, temporaryStore, until, warm, wat } from './helpers.ts';

const module = wat(`(module
  (func (export "loop") (loop br 0))
  (func (export "same") (param i32) (result i32) local.get 0))`);

const loop = (options: Parameters<typeof call>[3] = {}): ReturnType<typeof call> => call(module, 'loop', [], options);
const same = (n: number): ReturnType<typeof call> => call(module, 'same', [n]);

/** A module of 72 bytes for each function, of which the first is exported as `f`. */
function bulky(functions: number): Uint8Array {
  const leb = (value: number): number[] => [
    0x80 | (value & 0x7f),
    0x80 | ((value >> 7) & 0x7f),
    0x80 | ((value >> 14) & 0x7f),
    value >> 21,
  ];
  const section = (id: number, contents: Uint8Array): Uint8Array => Buffer.concat([Buffer.from([id, ...leb(contents.length)]), contents]);
  const body = Buffer.concat([Buffer.from([71, 0]), Buffer.alloc(69, 0x01), Buffer.from([0x0b])]);
  const count = Buffer.from(leb(functions));
  return Buffer.concat([
    Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
    section(1, Buffer.from([1, 0x60, 0, 0])),
    section(3, Buffer.concat([count, Buffer.alloc(functions)])),
    section(7, Buffer.from([1, 1, 0x66, 0, 0])),
    section(10, Buffer.concat([count, Buffer.alloc(functions * body.length, body)])),
  ]);
}

/** Creates files with names of six letters, without end; each costs the host more than it counts in the output. */
const hoarder = wat(`(module
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $i i32) (local $k i32)
    (loop $next
      (local.set $k (i32.const 0))
      (loop $letter
        (i32.store8 (i32.add (i32.const 16) (local.get $k)) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $i) (i32.mul (local.get $k) (i32.const 4))) (i32.const 15))))
        (br_if $letter (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 6))))
      (if (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 6) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 0)) (then unreachable))
      (drop (call $close (i32.load (i32.const 0))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next))))`);

describe('Slot', () => {
  test('starts no process before the first job', async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    assert.equal(slot.pid, undefined);
    await warm(slot);
  });

  test('a thousand jobs, all in line at once, end in order in one process', async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    const order: number[] = [];
    const jobs = Array.from({ length: 1000 }, async (_, n) => {
      const end = await slot.submit(same(n), { signal: new AbortController().signal });
      order.push(n);
      assert.deepEqual(summary(end), ['ok', n]);
    });
    const { pid } = slot;
    await Promise.all(jobs);
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    assert.equal(slot.pid, pid);
  });

  test('an endless loop ends at its limit; the job behind it is unstarted, and the slot goes on in a new process', async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    const pid = await warm(slot);
    const [first, second] = await Promise.all([loop({ limits: { time: 50 } }), same(1)].map((job) => slot.submit(job, { signal: never })));
    assert.ok(first?.kind === 'lost');
    assert.deepEqual([first.code, first.message], ['limit/time', 'the task ran longer than its limit of 50 ms']);
    assert.ok(first.usage.wall >= 50);
    assert.deepEqual(second, { kind: 'unstarted' });
    assert.notEqual(await warm(slot), pid);
    assert.equal(isAlive(pid), false);
  });

  test('the time of a job counts from its turn, not from when it was submitted', async (t) => {
    const clock = new HandClock();
    const slot = slotOver(t, await temporaryStore(t), clock);
    const jobs = [1, 2, 3].map((n) => slot.submit({ ...same(n), limits: { ...same(n).limits, time: 40 } }, { signal: never }));
    // Longer than a job may run, and less than the process may take to start.
    clock.advance(10_000);
    assert.deepEqual((await Promise.all(jobs)).map(summary), [
      ['ok', 1],
      ['ok', 2],
      ['ok', 3],
    ]);
  });

  test('a job that runs is cancelled by killing its process', async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    const pid = await warm(slot);
    const controller = new AbortController();
    const [running, behind] = [slot.submit(loop(), { signal: controller.signal }), slot.submit(same(1), { signal: never })];
    controller.abort();
    assert.deepEqual(summary(await running), ['lost', 'cancelled', 'the task was cancelled while it ran']);
    assert.deepEqual(await behind, { kind: 'unstarted' });
    assert.notEqual(await warm(slot), pid);
  });

  test('a job in line is taken back at once; those around it are not touched', async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    const pid = await warm(slot);
    const controller = new AbortController();
    const ends = [
      slot.submit(same(1), { signal: never }),
      slot.submit(same(2), { signal: controller.signal }),
      slot.submit(same(3), { signal: never }),
    ];
    controller.abort();
    assert.deepEqual((await Promise.all(ends)).map(summary), [
      ['ok', 1],
      ['lost', 'cancelled', 'the task was cancelled before it ran'],
      ['ok', 3],
    ]);
    assert.equal(slot.pid, pid);
  });

  test('a job that was taken back too late does not hold the slot', async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    await warm(slot);
    const controller = new AbortController();
    const [first, taken, third] = [
      slot.submit(same(1), { signal: never }),
      slot.submit(loop(), { signal: controller.signal }),
      slot.submit(same(3), { signal: never }),
    ];
    controller.abort();
    assert.deepEqual(summary(await taken), ['lost', 'cancelled', 'the task was cancelled before it ran']);
    assert.deepEqual(summary(await first), ['ok', 1]);
    assert.deepEqual(await third, { kind: 'unstarted' });
    await warm(slot);
  });

  test('an aborted signal starts nothing', async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    assert.deepEqual(summary(await slot.submit(loop(), { signal: AbortSignal.abort() })), [
      'lost',
      'cancelled',
      'the task was cancelled before it ran',
    ]);
    assert.equal(slot.pid, undefined);
  });

  test("a process that holds far more than the task's limits is killed for it", async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    const end = await slot.submit(jobOf('wasi/run', hoarder, {}, { limits: { memory: 65_536, output: 2 ** 32, time: 600_000 } }), {
      signal: never,
    });
    assert.deepEqual(summary(end).slice(0, 2), ['lost', 'limit/host-memory']);
    await warm(slot);
  });

  test('a large module does not count against the limits of its task', async (t) => {
    const store = await temporaryStore(t);
    const slot = slotOver(t, store);
    const { cid } = await store.put(bulky(950_000));
    const job = { ...call(module, 'f', [], { limits: { memory: 65_536, output: 0 } }), module: cid };
    assert.deepEqual(summary(await slot.submit(job, { signal: never })), ['ok', null]);
  });

  test('big memories of tasks that ended do not count against the next', async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    const filling = wat('(module (memory 3200) (func (export "fill") (memory.fill (i32.const 0) (i32.const 1) (i32.const 209715200))))');
    for (let i = 0; i < 4; i++) {
      assert.deepEqual(
        summary(await slot.submit(call(filling, 'fill', [], { limits: { memory: 200 << 20, output: 0 } }), { signal: never })),
        ['ok', null],
      );
    }
  });

  test('a job too large for the pipe is refused as data', async (t) => {
    const slot = slotOver(t, await temporaryStore(t));
    const end = await slot.submit(call(module, 'same', [new Uint8Array(65 << 20)]), { signal: never });
    assert.deepEqual(summary(end).slice(0, 2), ['error', 'invalid']);
    await warm(slot);
  });

  test('disposing kills what runs, waits for it, and leaves nothing', async (t) => {
    const store = await temporaryStore(t);
    const slot = slotOver(t, store);
    const pid = await warm(slot);
    const ends = [loop(), same(1)].map((job) => slot.submit(job, { signal: never }));
    await slot[Symbol.asyncDispose]();
    assert.equal(isAlive(pid), false);
    await until(() => groupMembers(pid).length === 0);
    assert.deepEqual((await Promise.all(ends)).map(summary), [['lost', 'cancelled', 'the slot was closed'], ['unstarted']]);
    await assert.rejects(slot.submit(same(1), { signal: never }), (error) => isDocketError(error, 'CANCELLED'));
    assert.deepEqual(readdirSync(join(store.root, 'tmp')), []);
  });
});
