import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deferred } from '../../src/base/deferred.ts';
import { HandClock } from '../hand-clock.ts';
import { Bench, type Behavior, gives, nameOf } from './harness.ts';
import { planOf } from './helpers.ts';

const wideNeeds = (slots: number): { readonly needs: { readonly slots: number } } => ({ needs: { slots } });

describe('tasks that take several slots', () => {
  it('have them all to themselves', async () => {
    await using bench = await Bench.open();
    const plan = planOf([
      ...Array.from({ length: 12 }, (_, i) => ({ name: `small${i}` })),
      ...Array.from({ length: 3 }, (_, i) => ({ name: `wide${i}`, meta: wideNeeds(3) })),
    ]);
    const under = new Set<string>();
    const beside: string[] = [];
    const behave: Behavior = async (job) => {
      const name = nameOf(job);
      under.add(name);
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      if (name.startsWith('wide')) beside.push([...under].filter((other) => other !== name).join());
      under.delete(name);
      return gives(name)(job);
    };
    const result = await bench.run(plan, behave, { count: 3 });
    assert.deepEqual([result.state, result.tasks.ran], ['completed', 15]);
    assert.deepEqual(beside, ['', '', '']);
  });

  it('run beside others where there is room', async () => {
    await using bench = await Bench.open();
    const both = deferred<void>();
    let under = 0;
    const plan = planOf([{ name: 'wide', meta: wideNeeds(2) }, { name: 'small' }]);
    const result = await bench.run(
      plan,
      async (job) => {
        if (++under === 2) both.resolve();
        await both.promise;
        return gives(1)(job);
      },
      { count: 3 },
    );
    assert.equal(result.state, 'completed');
  });

  it('hold nobody back if they can never have them', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'wide', meta: { needs: { slots: 3, within: 60_000 } } }, { name: 'small' }]);
    const stop = new AbortController();
    const held: boolean[] = [];
    const result = await bench.run(plan, (job) => gives(1)(job), {
      count: 2,
      clock: new HandClock(),
      signal: stop.signal,
      onEvent: ({ kind }) => {
        if (kind === 'settled' && held.push(true) === 1) stop.abort();
      },
    });
    assert.deepEqual([result.tasks.ran, result.tasks.cancelled], [1, 1]);
  });

  it('that need more than there are end at once where there is nobody else', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'wide', meta: { needs: { slots: 3 } } }, { name: 'small' }]);
    const result = await bench.run(plan, (job) => gives(1)(job), { count: 2 });
    assert.equal(result.tasks.ran, 1);
    assert.deepEqual(
      result.errors.map(({ code, message }) => [code, /2 slots, not 3/.test(message)]),
      [['unplaceable', true]],
    );
  });

  it('nor do those that need what a home has not run there', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a', meta: { needs: { tags: { gpu: true } } } }, { name: 'b' }]);
    const result = await bench.run(plan, (job) => gives(1)(job));
    assert.deepEqual([result.started, result.errors[0]?.code], [['b'], 'unplaceable']);
  });
});
