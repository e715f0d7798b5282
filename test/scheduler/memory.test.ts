import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryAccount } from '../../src/scheduler/memory-account.ts';
import { Bench, type Behavior, gives, nameOf } from './harness.ts';
import { planOf } from './helpers.ts';

const GIB = 2 ** 30;
const HERE = { ops: ['wasm/run'], tags: {}, memory: 4 * GIB, slots: 3 };

const needing = (name: string, memory: number, slots = 1) => ({ name, meta: { needs: { memory: memory * GIB, slots } } });

/** What ran at the same time as each task, and what was needed of all together at most, in GiB. */
class Watched {
  most = 0;
  readonly #needs: Readonly<Record<string, number>>;
  readonly #under = new Set<string>();

  constructor(needs: Readonly<Record<string, number>>) {
    this.#needs = needs;
  }

  readonly behave: Behavior = async (job) => {
    const name = nameOf(job);
    this.#under.add(name);
    this.most = Math.max(
      this.most,
      [...this.#under].reduce((sum, one) => sum + (this.#needs[one] ?? 0), 0),
    );
    for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
    this.#under.delete(name);
    return gives(name)(job);
  };
}

describe('memory that tasks need', () => {
  it('is added up, and all of them run', async () => {
    await using bench = await Bench.open();
    const watched = new Watched({ a: 3, b: 3, c: 1, d: 2 });
    const plan = planOf([needing('a', 3), needing('b', 3), needing('c', 1), needing('d', 2, 2), { name: 'free' }]);
    const result = await bench.run(plan, watched.behave, { count: 3, here: HERE });
    assert.deepEqual([result.state, result.tasks.ran], ['completed', 5]);
    assert.equal(watched.most, 4);
  });

  it('keeps nobody who needs none waiting', async () => {
    await using bench = await Bench.open();
    const free = Promise.withResolvers<void>();
    const plan = planOf([needing('a', 3), needing('b', 3), { name: 'free' }]);
    const result = await bench.run(
      plan,
      async (job) => {
        if (nameOf(job) === 'free') free.resolve();
        else await free.promise;
        return gives(1)(job);
      },
      { count: 3, here: HERE },
    );
    assert.equal(result.state, 'completed');
    assert.equal(result.most, 2);
  });

  it('ends a task at once that needs more than there is where there is nobody else', async () => {
    await using bench = await Bench.open();
    const result = await bench.run(planOf([needing('a', 5), needing('b', 4)]), (job) => gives(1)(job), { here: HERE });
    assert.equal(result.tasks.ran, 1);
    assert.deepEqual(
      result.errors.map(({ code, message }) => [code, /4 GiB for tasks, not 5 GiB/.test(message)]),
      [['unplaceable', true]],
    );
  });

  it('that comes free goes to who wished first, however small the wishes behind are', () => {
    const account = new MemoryAccount();
    const woken: string[] = [];
    const [large, small] = [{}, {}];
    const take = (bytes: number, holder: object) =>
      account.take(bytes, { holder, most: 4, wake: () => woken.push(holder === large ? 'large' : 'small') });
    const [first, second] = [take(2, {}), take(1, {})];
    assert.equal(take(3, large), undefined);
    assert.equal(take(1, small), undefined, 'it is free, and kept for the large one');
    assert.equal(account.isFree(1, 4), false);
    assert.ok(take(0, small) !== undefined);
    second!();
    assert.deepEqual(woken, [], 'two of three are free');
    first!();
    first!();
    assert.deepEqual(woken, ['large']);
    const taken = take(3, large);
    assert.deepEqual(woken, ['large', 'small']);
    assert.ok(take(1, small) !== undefined);
    assert.equal(take(1, small), undefined);
    taken!();
    assert.ok(take(1, small) !== undefined);
  });

  it('is not kept for a wish that is not made any more', () => {
    const account = new MemoryAccount();
    const gone = {};
    let woken = 0;
    const give = account.take(3, { holder: {}, most: 4, wake: () => {} })!;
    assert.equal(account.take(4, { holder: gone, most: 4, wake: () => {} }), undefined);
    assert.equal(account.take(1, { holder: account, most: 4, wake: () => woken++ }), undefined);
    assert.equal(account.recall(gone), true);
    assert.equal(account.recall(gone), false);
    assert.equal(woken, 1);
    give();
    account.forget(account);
    assert.equal(account.isFree(4, 4), true);
  });
});
