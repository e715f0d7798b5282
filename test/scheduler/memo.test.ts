import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deferred } from '../../src/base/deferred.ts';
import * as Cid from '../../src/ipld/cid.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { isMap } from '../../src/ipld/value.ts';
import { hexOf } from '../../src/scheduler/blob-view.ts';
import { Bench, type Behavior, ended, gives, nameOf } from './harness.ts';
import { indexOf, planOf, type Sketch } from './helpers.ts';

/** Each task gives its name, and what it was given, so that a change shows in everything behind it. */
const echo: Behavior = (job) => gives([nameOf(job), isMap(job.input) ? job.input['args']! : null])(job);

const chain: readonly Sketch[] = [{ name: 'a' }, { name: 'b', awaits: ['a'] }, { name: 'c', awaits: ['b'] }];

describe('memo: a hit gives what running would have given', () => {
  it('runs nothing twice', async () => {
    await using bench = await Bench.open();
    assert.deepEqual((await bench.run(planOf(chain), echo)).started, ['a', 'b', 'c']);
    const again = await bench.run(planOf(chain), echo);
    assert.deepEqual(again.started, []);
    assert.deepEqual(again.tasks, { total: 3, ran: 0, cached: 3, failed: 0, skipped: 0, cancelled: 0 });
    assert.equal(again.state, 'completed');
  });

  it('runs the same work once when two tasks want it at the same time', async () => {
    await using bench = await Bench.open();
    // b and c are different instructions that resolve to the same work: both upstream tasks give the same value.
    const plan = planOf([
      { name: 'a1', input: { func: 'a' } },
      { name: 'a2', input: { func: 'a', extra: 1 } },
      { name: 'x', awaits: ['a1'], input: { func: 'x' } },
      { name: 'y', awaits: ['a2'], input: { func: 'x' } },
    ]);
    const result = await bench.run(plan, (job) => gives(nameOf(job) === 'a' ? 7 : 8)(job), { count: 4 });
    assert.equal(result.started.filter((name) => name === 'x').length, 1);
    assert.equal(result.tasks.ran + result.tasks.cached, 4);
  });

  it('runs the same work once when a task wants it after it was done and before that is committed', async () => {
    await using bench = await Bench.open();
    const plan = planOf([
      { name: 'a1', input: { func: 'a' } },
      { name: 'x', awaits: ['a1'], input: { func: 'x' } },
      { name: 'late', awaits: ['x'] },
      { name: 'y', awaits: ['late'], input: { func: 'x' } },
    ]);
    // Nothing is committed before the end of y is to be; `late` gives what `a1` gave, so that y is the work of x.
    const settled = deferred<void>();
    const result = await bench.run(plan, (job) => gives(nameOf(job) === 'x' ? 8 : 7)(job), {
      async commit(changes) {
        if (changes.some((change) => change.kind === 'run-task' && change.label === 'y')) settled.resolve();
        await settled.promise;
        return await bench.commit(changes);
      },
    });
    assert.deepEqual(result.started, ['a', 'x', 'late']);
    assert.deepEqual(result.tasks, { total: 4, ran: 3, cached: 1, failed: 0, skipped: 0, cancelled: 0 });
  });

  it('stops at a step whose output is the same: early cut-off', async () => {
    await using bench = await Bench.open();
    const constant: Behavior = (job) => gives(nameOf(job) === 'a' ? 1 : [nameOf(job)])(job);
    await bench.run(planOf(chain), constant);
    const changed = [{ name: 'a', input: { extra: 'changed' } }, ...chain.slice(1)];
    const result = await bench.run(planOf(changed), constant);
    assert.deepEqual(result.started, ['a']);
    assert.equal(result.tasks.cached, 2);
  });

  it('runs what is behind a step whose output changed', async () => {
    await using bench = await Bench.open();
    await bench.run(planOf(chain), echo);
    const changed = [{ name: 'a', input: { args: ['changed'] } }, ...chain.slice(1)];
    assert.deepEqual((await bench.run(planOf(changed), echo)).started, ['a', 'b', 'c']);
  });

  it('runs a pure task again behind an impure one that gives something new, and not behind one that gives the same', async () => {
    await using bench = await Bench.open();
    const impure: readonly Sketch[] = [
      { name: 'a', op: 'wasi/run', input: { grant: ['clock'] } },
      { name: 'b', awaits: ['a'] },
    ];
    let now = 1;
    const clock: Behavior = (job) => gives(nameOf(job) === 'a' ? now : [nameOf(job)])(job);
    assert.deepEqual((await bench.run(planOf(impure), clock)).started, ['a', 'b']);
    assert.deepEqual((await bench.run(planOf(impure), clock)).started, ['a']);
    now = 2;
    assert.deepEqual((await bench.run(planOf(impure), clock)).started, ['a', 'b']);
  });

  it('takes an impure result only if the author asked for it', async () => {
    await using bench = await Bench.open();
    const kept = planOf([{ name: 'a', op: 'wasi/run', input: { grant: ['clock'] }, meta: { memo: 'always' } }]);
    await bench.run(kept, echo);
    assert.deepEqual((await bench.run(kept, echo)).started, []);
  });

  it('runs a forced task, and what is behind it only if it gives something new', async () => {
    await using bench = await Bench.open();
    const plan = planOf(chain);
    let value = 1;
    const settable: Behavior = (job) =>
      gives(nameOf(job) === 'a' ? value : [nameOf(job), isMap(job.input) ? job.input['args']! : null])(job);
    await bench.run(plan, settable);
    const forced = (task: number): boolean => task === indexOf(plan, 'a');
    assert.deepEqual((await bench.run(plan, settable, { forced })).started, ['a']);
    value = 2;
    const result = await bench.run(plan, settable, { forced });
    assert.deepEqual(result.started, ['a', 'b', 'c']);
    assert.equal(result.conflicts, 1, 'two outputs for one key are reported');
  });

  it('does not take a result made under another memory cap, nor what was behind it', async () => {
    await using bench = await Bench.open();
    const under = (memory: number): readonly Sketch[] => [
      { name: 'a', meta: { memory } },
      { name: 'b', awaits: ['a'] },
    ];
    // The guest notices its cap, so the output differs.
    const notices: Behavior = (job) => gives(nameOf(job) === 'a' ? job.limits.memory : [isMap(job.input) ? job.input['args']! : null])(job);
    await bench.run(planOf(under(65536)), notices);
    assert.deepEqual((await bench.run(planOf(under(131072)), notices)).started, ['a', 'b']);
    assert.deepEqual((await bench.run(planOf(under(65536)), notices)).started, []);
  });

  it('takes a result made under another time limit, which the guest cannot notice', async () => {
    await using bench = await Bench.open();
    await bench.run(planOf([{ name: 'a', meta: { time: 1000 } }]), echo);
    assert.deepEqual((await bench.run(planOf([{ name: 'a', meta: { time: 2000 } }]), echo)).started, []);
  });

  it('does not take a result of another version of the op, nor what was behind it', async () => {
    await using bench = await Bench.open();
    await bench.run(planOf(chain), echo, { semantics: () => 1 });
    assert.deepEqual((await bench.run(planOf(chain), echo, { semantics: () => 2 })).started, ['a', 'b', 'c']);
  });

  it('needs no intermediate that was collected as long as what is behind it is found', async () => {
    await using bench = await Bench.open();
    const { behave, digest } = blobMaker();
    await bench.run(planOf(chain), behave);
    bench.collected.add(digest);
    const result = await bench.run(planOf(chain), behave);
    assert.deepEqual(result.started, []);
    assert.equal(result.tasks.cached, 3);
  });

  it('makes a collected intermediate again, and only that, when a changed task needs it', async () => {
    await using bench = await Bench.open();
    const { behave, digest } = blobMaker();
    await bench.run(planOf(chain), behave);
    bench.collected.add(digest);
    const changed = [...chain, { name: 'd', awaits: ['a'] }];
    const result = await bench.run(planOf(changed), (job, name, signal) => {
      if (name === 'a') bench.collected.delete(digest);
      return behave(job, name, signal);
    });
    assert.deepEqual(result.started, ['a', 'd']);
    assert.equal(result.state, 'completed');
    const gone = result.events.flatMap((event) => (event.kind === 'gone' ? [event.task] : []));
    assert.deepEqual(gone, [indexOf(planOf(changed), 'a')], 'it is told once');
  });

  it('memoizes a deterministic error only if asked, and never a lost runner', async () => {
    await using bench = await Bench.open();
    const fails: Behavior = (job) => ended(job, { tag: 'error', failure: { code: 'trap', message: 'unreachable' } });
    const plain = planOf([{ name: 'a' }]);
    await bench.run(plain, fails);
    assert.deepEqual((await bench.run(plain, fails)).started, ['a']);
    const asked = planOf([{ name: 'a', meta: { memo: 'errors' } }]);
    await bench.run(asked, fails);
    const again = await bench.run(asked, fails);
    assert.deepEqual(again.started, []);
    assert.equal(again.tasks.failed, 1);
    assert.equal(again.state, 'failed');
    for (const code of ['limit/fuel', 'limit/call-depth'] as const) {
      const starved: Behavior = (job) => ended(job, { tag: 'error', failure: { code, message: 'no more' } });
      const bounded = planOf([{ name: code, meta: { memo: 'errors', fuel: 10 } }]);
      await bench.run(bounded, starved);
      assert.deepEqual((await bench.run(bounded, starved)).started, []);
      assert.deepEqual((await bench.run(planOf([{ name: code, meta: { memo: 'errors', fuel: 11 } }]), starved)).started, [code]);
    }
    const timeout: Behavior = () => ({ kind: 'lost', code: 'limit/time', message: 'm', usage: { wall: 1, cpu: 1, memory: 0, output: 0 } });
    const slow = planOf([{ name: 'slow', meta: { memo: 'errors' } }]);
    await bench.run(slow, timeout);
    assert.deepEqual((await bench.run(slow, timeout)).started, ['slow']);
  });

  it('does not take what was behind a failure for granted: the failure may not come again', async () => {
    await using bench = await Bench.open();
    const sketches: readonly Sketch[] = [{ name: 'a' }, { name: 'b', awaits: [['a', 'await/error']] }];
    const timeout: Behavior = (job) =>
      nameOf(job) === 'a'
        ? { kind: 'lost', code: 'limit/time', message: 'm', usage: { wall: 1, cpu: 1, memory: 0, output: 0 } }
        : gives('b')(job);
    assert.equal((await bench.run(planOf(sketches), timeout)).state, 'completed');
    const again = await bench.run(planOf(sketches), echo);
    assert.deepEqual(again.started, ['a']);
    assert.equal(again.tasks.skipped, 1);
  });

  it('keeps a memoized error from authors who did not ask for it', async () => {
    await using bench = await Bench.open();
    const fails: Behavior = (job) => ended(job, { tag: 'error', failure: { code: 'trap', message: 'unreachable' } });
    const asking = planOf([{ name: 'a', meta: { memo: 'errors' } }]);
    await bench.run(asking, fails);
    await bench.run(asking, fails);
    const result = await bench.run(planOf([{ name: 'a' }]), echo);
    assert.deepEqual(result.started, ['a']);
    assert.equal(result.state, 'completed');
  });

  it('gives no failure for an output that waits for success', async () => {
    await using bench = await Bench.open();
    const fails: Behavior = (job) => ended(job, { tag: 'error', failure: { code: 'trap', message: 'unreachable' } });
    const plan = planOf([{ name: 'a' }]);
    const result = await bench.run(planOf([{ name: 'a' }], { out: { 'await/ok': plan.tasks[0]!.instruction } }), fails);
    assert.equal(result.state, 'failed');
    assert.deepEqual(result.outputs, {});
  });

  for (const table of ['declared', 'resolved'] as const) {
    it(`does not take another task's receipt because a row of the ${table} keys was damaged`, async () => {
      await using bench = await Bench.open();
      const plan = planOf([{ name: 'a' }, { name: 'b' }]);
      await bench.run(plan, echo);
      await bench.damage(`UPDATE ${table} SET receipt = receipt % 2 + 1`);
      if (table === 'resolved') await bench.damage('DELETE FROM declared');
      const result = await bench.run(plan, echo);
      assert.deepEqual(result.outputs, { a: ['a', []], b: ['b', []] });
      assert.deepEqual((await bench.run(plan, echo)).started, [], 'the rows were mended');
    });
  }
});

/** Task a gives a link to a small blob; the others give their names. */
function blobMaker(): { behave: Behavior; digest: string } {
  const bytes = new TextEncoder().encode('an intermediate');
  const cid = Cid.ofBlob(bytes);
  const digest = hexOf(cid);
  const value = (name: string): Ipld => (name === 'a' ? cid : [name]);
  return { digest, behave: (job) => gives(value(nameOf(job)), nameOf(job) === 'a' ? new Map([[digest, bytes]]) : new Map())(job) };
}
