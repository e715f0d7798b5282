import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deferred } from '../../src/base/deferred.ts';
import * as Receipt from '../../src/receipt/verify.ts';
import type { SlotEnd } from '../../src/runner/slot.ts';
import { Bench, type Behavior, ended, gives, nameOf } from './harness.ts';
import { planOf, type Sketch } from './helpers.ts';

const one: Behavior = (job) => gives(nameOf(job))(job);
const usage = { wall: 1, cpu: 1, memory: 0, output: 0 };
const lost: SlotEnd = { kind: 'lost', code: 'lost', message: 'the runner died', usage };
const trap: Behavior = (job) => ended(job, { tag: 'error', failure: { code: 'trap', message: 'unreachable' } });

const wide = (count: number): Sketch[] => Array.from({ length: count }, (_, i) => ({ name: `t${i}` }));

describe('coordinator', () => {
  it('starts a task as soon as its own inputs are there, not when a level is done', async () => {
    await using bench = await Bench.open();
    const gate = deferred<void>();
    const plan = planOf([{ name: 'slow' }, { name: 'quick' }, { name: 'next', awaits: ['quick'] }]);
    const result = await bench.run(plan, async (job) => {
      if (nameOf(job) === 'slow') await gate.promise;
      if (nameOf(job) === 'next') gate.resolve();
      return gives(nameOf(job))(job);
    });
    assert.equal(result.tasks.ran, 3);
  });

  it('never gives more jobs away than it holds slots', async () => {
    await using bench = await Bench.open();
    const result = await bench.run(
      planOf(wide(40)),
      async (job) => {
        await new Promise(setImmediate);
        return {
          ...gives(1)(job),
          end: { ...(gives(nameOf(job))(job) as Extract<SlotEnd, { kind: 'ended' }>).end, usage: { ...usage, wall: 1000 } },
        } as SlotEnd;
      },
      { count: 3 },
    );
    assert.equal(result.tasks.ran, 40);
    assert.ok(result.most <= 3, `${result.most} jobs at a time`);
  });

  it('takes the longest remaining path first', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'alone' }, { name: 'head' }, { name: 'middle', awaits: ['head'] }, { name: 'tail', awaits: ['middle'] }]);
    const result = await bench.run(plan, one, { count: 1 });
    assert.deepEqual(result.started.slice(0, 2), ['head', 'middle']);
  });

  it('tries again after a lost runner, each attempt with a receipt, and gives up after the attempts allowed', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a', meta: { retry: { attempts: 3, backoff: 1 } } }]);
    let failures = 2;
    const flaky: Behavior = (job) => (failures-- > 0 ? lost : one(job, '', AbortSignal.abort()));
    const result = await bench.run(plan, flaky);
    assert.equal(result.started.length, 3);
    assert.equal(result.state, 'completed');
    const outs = bench.ledger
      .receiptsOfInstruction(plan.tasks[0]!.instruction, 10)
      .map(({ bytes }) => Receipt.decode(bytes).receipt.out[0]);
    assert.deepEqual(outs.sort(), ['error', 'error', 'ok']);
    failures = 9;
    const hopeless = await bench.run(planOf([{ name: 'b', meta: { retry: { attempts: 2, backoff: 1 } } }]), flaky);
    assert.equal(hopeless.started.length, 2);
    assert.equal(hopeless.errors[0]?.code, 'lost');
  });

  it("does not repeat a task's own failure unless asked", async () => {
    await using bench = await Bench.open();
    assert.equal((await bench.run(planOf([{ name: 'a' }]), trap)).started.length, 1);
    const asked = planOf([{ name: 'a', meta: { retry: { attempts: 2, backoff: 1, onFailure: true } } }]);
    assert.equal((await bench.run(asked, trap)).started.length, 2);
  });

  it('puts back in line what was queued behind a crash, without charging it', async () => {
    await using bench = await Bench.open();
    let crashed = false;
    const result = await bench.run(planOf(wide(1)), (job) => {
      if (crashed) return one(job, '', AbortSignal.abort());
      crashed = true;
      return { kind: 'unstarted' };
    });
    assert.equal(result.state, 'completed');
    const [receipt] = bench.ledger.receiptsOfInstruction(planOf(wide(1)).tasks[0]!.instruction, 2);
    assert.equal(Receipt.decode(receipt!.bytes).receipt.meta.attempt, 1);
  });

  it('runs a task alone in its slot after its runner died twice', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'poison', meta: { retry: { attempts: 3, backoff: 1 } } }, ...wide(20)]);
    let alone = false;
    const beside = new Set<string>();
    const result = await bench.run(
      plan,
      async (job) => {
        if (nameOf(job) !== 'poison') {
          if (alone) beside.add(nameOf(job));
          return one(job, '', AbortSignal.abort());
        }
        attempts++;
        if (attempts < 3) return lost;
        alone = true;
        await new Promise(setImmediate);
        alone = false;
        return one(job, '', AbortSignal.abort());
      },
      { count: 1 },
    );
    assert.equal(result.state, 'completed');
    assert.equal(beside.size, 0);
  });
  let attempts = 0;

  it('finishes independent branches and says what did not run because of a failure', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'bad' }, { name: 'behind', awaits: ['bad'] }, { name: 'last', awaits: ['behind'] }, { name: 'other' }]);
    const result = await bench.run(plan, (job, name, signal) => (name === 'bad' ? trap(job, name, signal) : one(job, name, signal)));
    assert.equal(result.state, 'failed');
    assert.deepEqual(result.tasks, { total: 4, ran: 1, cached: 0, failed: 1, skipped: 2, cancelled: 0 });
    assert.deepEqual(result.errors, [{ task: 'bad', code: 'trap', message: 'unreachable', skipped: 2 }]);
  });

  it('stops at the first failure if told', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'bad' }, { name: 'long' }, ...wide(5)]);
    const result = await bench.run(
      plan,
      async (job, name, signal) => {
        if (name === 'bad') return trap(job, name, signal);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        return { kind: 'lost', code: 'cancelled', message: 'cancelled', usage };
      },
      { failFast: true },
    );
    assert.equal(result.state, 'failed');
    assert.equal(result.tasks.failed, 1);
    assert.equal(result.tasks.cancelled, 6);
  });

  it('runs the branch of an error, with the failure as its input', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'bad' }, { name: 'handler', awaits: [['bad', 'await/error']] }]);
    let seen: unknown;
    const result = await bench.run(plan, (job, name, signal) => {
      if (name === 'bad') return trap(job, name, signal);
      seen = (job.input as { args: unknown[] }).args[0];
      return one(job, name, signal);
    });
    assert.deepEqual(seen, { code: 'trap', message: 'unreachable' });
    assert.equal(result.state, 'completed');
  });

  it('ends cleanly when cancelled: running tasks get receipts, the rest none, and the next run goes on', async () => {
    await using bench = await Bench.open();
    const stop = new AbortController();
    const plan = planOf([{ name: 'first' }, { name: 'second', awaits: ['first'] }, { name: 'third', awaits: ['second'] }]);
    const result = await bench.run(
      plan,
      async (job, name, signal) => {
        if (name === 'first') return one(job, name, signal);
        const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        stop.abort();
        await aborted;
        return { kind: 'lost', code: 'cancelled', message: 'cancelled', usage };
      },
      { signal: stop.signal },
    );
    assert.equal(result.state, 'cancelled');
    assert.deepEqual(result.tasks, { total: 3, ran: 1, cached: 0, failed: 0, skipped: 0, cancelled: 2 });
    const second = plan.tasks.find((task) => task.label === 'second')!;
    assert.equal(bench.ledger.receiptsOfInstruction(second.instruction, 5).length, 1);
    assert.deepEqual((await bench.run(plan, one)).started, ['second', 'third']);
  });

  it('starts a task with grants only when its inputs are committed, and a pure one before', async () => {
    await using bench = await Bench.open();
    const order: string[] = [];
    const plan = planOf([
      { name: 'a' },
      { name: 'pure', awaits: ['a'] },
      { name: 'granted', awaits: ['a'], op: 'wasi/run', input: { grant: ['clock'] } },
    ]);
    const held = deferred<void>();
    await bench.run(
      plan,
      (job, name, signal) => {
        order.push(name);
        if (name === 'pure') held.resolve();
        return one(job, name, signal);
      },
      {
        commit: async (changes) => {
          // The first commit is the one of `a`; it is held back until the pure task has started.
          if (!order.includes('pure')) await held.promise;
          const result = await bench.commit(changes);
          order.push('committed');
          return result;
        },
      },
    );
    assert.ok(order.indexOf('pure') < order.indexOf('committed'));
    assert.ok(order.indexOf('granted') > order.indexOf('committed'));
  });

  it('gets only so far ahead of a ledger that is slow', async () => {
    await using bench = await Bench.open();
    const plan = planOf(wide(10_000));
    let begun = 0;
    let filed = 0;
    let ahead = 0;
    const nothingBegins = async (): Promise<void> => {
      for (let seen = -1; seen !== begun;) {
        seen = begun;
        for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const result = await bench.run(plan, one, {
      onEvent: ({ kind }) => {
        if (kind === 'started') ahead = Math.max(ahead, ++begun - filed);
      },
      commit: async (changes) => {
        await nothingBegins();
        filed += changes.filter(({ kind }) => kind === 'unsigned').length;
        return await bench.commit(changes);
      },
    });
    assert.equal(result.tasks.ran, plan.tasks.length);
    assert.ok(ahead > 1_000 && ahead < 9_000, `${ahead} tasks ahead`);
  });

  it('ends with the failure of the ledger, and hangs nowhere', async () => {
    await using bench = await Bench.open();
    await assert.rejects(bench.run(planOf(wide(5)), one, { commit: () => Promise.reject(new Error('disk on fire')) }), /disk on fire/);
  });

  it('gives a task whose promise points nowhere a receipt that says so', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }]);
    const pointing = planOf([{ name: 'a' }, { name: 'b', input: { args: [{ 'await/ok': plan.tasks[0]!.instruction, at: '/nowhere' }] } }]);
    const result = await bench.run(pointing, one);
    assert.equal(result.errors[0]?.code, 'invalid');
    assert.match(result.errors[0].message, /nowhere/);
    assert.equal(bench.ledger.receiptsOfInstruction(pointing.tasks[1]!.instruction, 1).length, 1);
  });

  it('issues receipts whose signature and CID hold', async () => {
    await using bench = await Bench.open();
    const plan = planOf(wide(3));
    await bench.run(plan, one);
    for (const { instruction } of plan.tasks) {
      const [receipt] = bench.ledger.receiptsOfInstruction(instruction, 1);
      assert.deepEqual(Receipt.verify(receipt!.bytes, receipt!.cid), []);
    }
  });
});
