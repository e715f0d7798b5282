import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { deferred } from '../../src/base/deferred.ts';
import { Claims } from '../../src/ledger/claims.ts';
import type { Plan } from '../../src/workflow/model.ts';
import { Bench, type Behavior, ended, gives, nameOf } from './harness.ts';
import { indexOf, planOf } from './helpers.ts';

/** Runs that share a home: what one of them does the others wait for. */

/** The resolved key of the one task called `name`. */
async function keyOf(plan: Plan, name: string): Promise<Uint8Array> {
  await using bench = await Bench.open();
  let key: Uint8Array | undefined;
  await bench.run(plan, (job) => {
    if (nameOf(job) === name) key = job.seed;
    return gives(nameOf(job))(job);
  });
  return key!;
}

const echo: Behavior = (job) => gives(nameOf(job))(job);

/** Ends a little later, so that runs overlap. */
const slowly: Behavior = async (job) => {
  await new Promise((resolve) => setImmediate(resolve));
  return gives(nameOf(job))(job);
};

/** A clock that runs a thousand times as fast. */
const fast: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * 1_000,
  after: (ms, callback) => systemClock.after(ms / 1_000, callback),
};

describe('work shared with other commands', () => {
  it('is done once, however many runs want it at the same time', async () => {
    await using bench = await Bench.open();
    const plan = planOf(Array.from({ length: 60 }, (_, i) => ({ name: `t${i}`, awaits: i < 40 ? [] : [`t${i - 40}`, `t${i - 20}`] })));
    const results = await Promise.all([1, 2, 3].map(() => bench.run(plan, slowly)));
    assert.deepEqual(results.flatMap(({ started }) => started).toSorted(), plan.tasks.map(({ label }) => label).toSorted());
    for (const { state, outputs } of results) assert.deepEqual([state, outputs], ['completed', results[0]!.outputs]);
  });

  it('is waited for while the rest goes on, and done here if nothing came of it', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'theirs' }, { name: 'ours' }, { name: 'behind', awaits: ['ours'] }]);
    using other = new Claims(bench.locks);
    const key = await keyOf(plan, 'theirs');
    assert.deepEqual(other.take([key]), [true]);
    const result = await bench.run(plan, (job, name) => {
      if (name === 'behind') other.drop([key]);
      return gives(name)(job);
    });
    assert.deepEqual(result.started, ['ours', 'behind', 'theirs']);
    assert.equal(result.state, 'completed');
  });

  it('is looked up once more if somebody finished it between the look-up and the claim', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'first' }, { name: 'then' }]);
    const [begun, over] = [deferred<void>(), deferred<void>()];
    // The one slot is busy, so `then` is in line, looked up in vain.
    const run = bench.run(
      plan,
      async (job, name) => {
        if (name === 'first') {
          begun.resolve();
          await over.promise;
        }
        return gives(name)(job);
      },
      { count: 1 },
    );
    await begun.promise;
    assert.deepEqual((await bench.run(planOf([{ name: 'then' }]), echo)).started, ['then']);
    over.resolve();
    const { started, tasks } = await run;
    assert.deepEqual([started, tasks.ran, tasks.cached], [['first'], 1, 1]);
  });

  it('is tried here too if it failed there', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a' }]);
    const [begun, over] = [deferred<void>(), deferred<void>()];
    const there = bench.run(plan, async (job) => {
      begun.resolve();
      await over.promise;
      return ended(job, { tag: 'error', failure: { code: 'trap', message: 'unreachable' } });
    });
    await begun.promise;
    const here = bench.run(plan, echo);
    over.resolve();
    assert.deepEqual([(await there).state, (await here).state, (await here).started], ['failed', 'completed', ['a']]);
  });

  it('is kept through a retry, also when the attempt before is committed', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a', meta: { retry: { attempts: 2, backoff: 1 } } }]);
    const { instruction } = plan.tasks[0]!;
    using other = new Claims(bench.locks);
    let attempts = 0;
    let isTaken: boolean[] = [];
    const result = await bench.run(plan, async (job) => {
      if (++attempts === 1) return { kind: 'lost', code: 'lost', message: 'gone', usage: { wall: 0, cpu: 0, memory: 0, output: 0 } };
      while (bench.ledger.receiptsOfInstruction(instruction, 1).length === 0) await new Promise((resolve) => setImmediate(resolve));
      // The run hears of its commit in a turn of its own.
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
      isTaken = other.areTaken([job.seed]);
      return gives(1)(job);
    });
    assert.deepEqual([result.state, attempts, isTaken], ['completed', 2, [true]]);
  });

  it('is done here as well when its own time limit has passed: the other may be frozen', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a', meta: { time: 60_000 } }]);
    using frozen = new Claims(bench.locks);
    frozen.take([await keyOf(plan, 'a')]);
    const result = await bench.run(plan, echo, { clock: fast });
    assert.deepEqual([result.state, result.started], ['completed', ['a']]);
  });

  it('is not waited for by a run that is cancelled, with all that is behind it', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a' }, { name: 'b' }, { name: 'c', awaits: ['a'] }]);
    using other = new Claims(bench.locks);
    other.take([await keyOf(plan, 'a')]);
    const stop = new AbortController();
    const result = await bench.run(plan, echo, {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.kind === 'settled' && event.task === indexOf(plan, 'b')) stop.abort();
      },
    });
    assert.equal(result.state, 'cancelled');
    assert.deepEqual(result.tasks, { total: 3, ran: 1, cached: 0, failed: 0, skipped: 0, cancelled: 2 });
  });

  it('is not waited for by a run that stops at its first failure', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a' }, { name: 'b' }]);
    using other = new Claims(bench.locks);
    other.take([await keyOf(plan, 'a')]);
    const fails: Behavior = (job) => ended(job, { tag: 'error', failure: { code: 'trap', message: 'unreachable' } });
    const result = await bench.run(plan, fails, { failFast: true });
    assert.deepEqual([result.state, result.started, result.tasks.cancelled], ['failed', ['b'], 1]);
  });

  it('is not waited for where it is forced, impure, or kept for nobody', async () => {
    await using bench = await Bench.open();
    const plan = planOf([
      { name: 'forced' },
      { name: 'impure', op: 'wasi/run', input: { grant: ['clock'] } },
      { name: 'never', meta: { memo: 'never' } },
    ]);
    using other = new Claims(bench.locks);
    other.take(await Promise.all(plan.tasks.map(({ label }) => keyOf(plan, label))));
    const result = await bench.run(plan, echo, { forced: (task) => task === indexOf(plan, 'forced') });
    assert.deepEqual([result.state, result.started.toSorted()], ['completed', ['forced', 'impure', 'never']]);
  });
});
