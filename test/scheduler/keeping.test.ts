import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DocketError } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import type { Keep, Lasting } from '../../src/scheduler/lasting.ts';
import type { RunEvent } from '../../src/scheduler/events.ts';
import { Bench, ended, gives } from './harness.ts';
import { planOf } from './helpers.ts';

const DURABLE = { durable: true };

/** Keeps what it is told to, when it is let. */
class Shelf {
  readonly asked: Lasting[] = [];
  readonly #gate = Promise.withResolvers<void>();
  readonly #why: (output: Lasting) => Error | undefined;
  readonly called = Promise.withResolvers<void>();

  constructor(why: (output: Lasting) => Error | undefined = () => undefined) {
    this.#why = why;
  }

  readonly keep: Keep = async (outputs, signal) => {
    this.asked.push(...outputs);
    this.called.resolve();
    const stopped = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => stopped.reject(signal.reason as Error), { once: true });
    await Promise.race([this.#gate.promise, stopped.promise]);
    return outputs.map((output) => this.#why(output));
  };

  open(): this {
    this.#gate.resolve();
    return this;
  }
}

const settled = (events: readonly RunEvent[]): number[] => events.flatMap((event) => (event.kind === 'settled' ? [event.task] : []));

describe('outputs that are to be durable', () => {
  it('are kept before the task counts, before what awaits it begins, and after its receipt and blobs are committed', async () => {
    await using bench = await Bench.open();
    const bytes = Buffer.from('what it wrote');
    const blob = Cid.ofBlob(bytes);
    const hex = Buffer.from(blob.multihash.digest).toString('hex');
    const shelf = new Shelf();
    const plan = planOf([
      { name: 'a', meta: { durable: 86_400_000 } },
      { name: 'b', awaits: ['a'] },
    ]);
    const events: RunEvent[] = [];
    const running = bench.run(plan, (job) => gives(blob, new Map([[hex, bytes]]))(job), {
      keep: async (outputs, signal) => {
        assert.deepEqual(Buffer.from(bench.ledger.small.get(hex)!), bytes, 'the blob is at rest');
        assert.equal(bench.ledger.receiptsOfInstruction(plan.tasks[0]!.instruction, 9).length, 1, 'the receipt is filed');
        return await shelf.keep(outputs, signal);
      },
      onEvent: (event) => events.push(event),
    });
    await shelf.called.promise;
    assert.deepEqual(settled(events), []);
    assert.deepEqual(
      events.filter(({ kind }) => kind === 'held'),
      [{ kind: 'held', task: 0 }],
    );
    assert.deepEqual(
      shelf.asked.map(({ value, durable }) => [String(value), durable]),
      [[blob.toString(), 86_400_000]],
    );
    shelf.open();
    const result = await running;
    assert.deepEqual([result.state, result.started, settled(events)], ['completed', ['a', 'b'], [0, 1]]);
  });

  it('that are known are kept too, also where what awaits them is known', async () => {
    await using bench = await Bench.open();
    const plan = planOf([
      { name: 'a', meta: DURABLE },
      { name: 'b', awaits: ['a'] },
    ]);
    assert.deepEqual((await bench.run(plan, gives(1))).started, ['a', 'b'], 'where there is no mesh it is as any other');
    const shelf = new Shelf().open();
    const again = await bench.run(plan, gives(1), { keep: shelf.keep });
    assert.deepEqual([again.state, again.started, shelf.asked.length], ['completed', [], 1]);
  });

  it('that cannot be kept are told by name; the result stays, and the next run keeps it without running it', async () => {
    await using bench = await Bench.open();
    const plan = planOf([
      { name: 'a', meta: DURABLE },
      { name: 'b', awaits: ['a'] },
      { name: 'c', meta: DURABLE },
    ]);
    const full = new Shelf(({ value }) => (value === 'a' ? new DocketError('MESH_FULL', 'no room') : undefined)).open();
    const behave = (job: Parameters<ReturnType<typeof gives>>[0]): ReturnType<ReturnType<typeof gives>> =>
      ended(job, { tag: 'ok', value: (job.input as { func: string }).func });
    const failed = await bench.run(plan, behave, { keep: full.keep });
    assert.deepEqual([failed.state, failed.started.toSorted()], ['failed', ['a', 'c']]);
    assert.deepEqual(
      failed.errors.map(({ task, code, skipped }) => [task, code, skipped]),
      [['a', 'unkept', 1]],
    );
    assert.match(failed.errors[0]!.message, /no room/);
    const shelf = new Shelf().open();
    const again = await bench.run(plan, behave, { keep: shelf.keep });
    assert.deepEqual([again.state, again.started, shelf.asked.length], ['completed', ['b'], 2]);
  });

  it('do not hold a run that is stopped, which does not claim them', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a', meta: DURABLE }]);
    const shelf = new Shelf();
    const cancel = new AbortController();
    const running = bench.run(plan, gives(1), { keep: shelf.keep, signal: cancel.signal });
    await shelf.called.promise;
    cancel.abort(new DocketError('CANCELLED', 'enough'));
    const { state, tasks } = await running;
    assert.deepEqual([state, tasks.cancelled, tasks.ran], ['cancelled', 1, 0]);
  });

  it('of a task that ends well after the run was stopped are not claimed, and what it gave is on record', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a', meta: DURABLE }]);
    const cancel = new AbortController();
    const rows: unknown[] = [];
    const { state, tasks } = await bench.run(
      plan,
      async (job) => {
        cancel.abort(new DocketError('CANCELLED', 'enough'));
        await new Promise((resolve) => setImmediate(resolve));
        return gives(1)(job);
      },
      {
        keep: new Shelf().keep,
        signal: cancel.signal,
        commit: async (changes) => {
          for (const change of changes) if (change.kind === 'run-task') rows.push([change.state, change.attempts, change.receipt !== null]);
          return await bench.commit(changes);
        },
      },
    );
    assert.deepEqual([state, tasks.cancelled, rows], ['cancelled', 1, [['held', 1, true]]]);
  });

  it('of twins are each kept', async () => {
    await using bench = await Bench.open();
    // The same work once it is known what they are given.
    const plan = planOf([
      { name: 'one' },
      { name: 'two' },
      { name: 'x', awaits: ['one'], meta: DURABLE },
      { name: 'x', awaits: ['two'], meta: { durable: 60_000 } },
    ]);
    const shelf = new Shelf().open();
    const result = await bench.run(plan, gives(1), { keep: shelf.keep });
    assert.deepEqual([result.state, result.started.length], ['completed', 3]);
    assert.deepEqual(
      shelf.asked.map(({ durable }) => durable).toSorted((a, b) => Number(a) - Number(b)),
      [true, 60_000],
    );
  });
});
