import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunEvent } from '../../src/scheduler/events.ts';
import type { Plan } from '../../src/workflow/model.ts';
import { Bench, type Behavior, ended, gives } from './harness.ts';
import { planOf } from './helpers.ts';

const one = gives(1);
const fails: Behavior = (job) => ended(job, { tag: 'error', failure: { code: 'trap', message: 'unreachable' } });
const LONG = 60_000;

/** A plan of one task that awaits the only task of another. */
function awaiting(other: Plan, branch = 'await/ok'): Plan {
  return planOf([{ name: 'own' }, { name: 'b', input: { args: [{ deep: [{ [branch]: other.tasks[0]!.instruction }] }] } }]);
}

/** What `b` was given. */
function seenBy(name: string, seen: unknown[]): Behavior {
  return (job) => {
    const { func, args } = job.input as { func: string; args: unknown };
    if (func === name) seen.push(args);
    return ended(job, { tag: 'ok', value: 1 });
  };
}

describe('promises on instructions of other workflows', () => {
  const elsewhere = planOf([{ name: 'elsewhere' }]);

  it('wait while the rest goes on, and for no longer than it takes', async () => {
    await using bench = await Bench.open();
    const events: RunEvent[] = [];
    const waits = Promise.withResolvers<void>();
    const onEvent = (event: RunEvent): void => {
      events.push(event);
      if (event.kind === 'settled') waits.resolve();
    };
    const run = bench.run(awaiting(elsewhere), one, { awaitTime: LONG, onEvent });
    await waits.promise;
    assert.deepEqual(
      events.filter(({ kind }) => kind === 'awaiting').map((event) => ({ ...event, most: 0 })),
      [{ kind: 'awaiting', task: 1, instructions: [elsewhere.tasks[0]!.instruction.toString()], most: 0 }],
    );
    await bench.run(elsewhere, gives(7));
    assert.equal((await run).state, 'completed');
  });

  it('fail by name when the time is over, which nothing found later makes a hit of', async () => {
    await using bench = await Bench.open();
    const plan = awaiting(elsewhere);
    const result = await bench.run(plan, one, { awaitTime: 20 });
    assert.deepEqual([result.state, result.tasks.ran, result.tasks.failed], ['failed', 1, 1]);
    assert.deepEqual([result.errors[0]?.task, result.errors[0]?.code], ['b', 'unresolved']);
    assert.match(result.errors[0]!.message, new RegExp(`no success of ${elsewhere.tasks[0]!.instruction}.* within 20 ms`));
    await bench.run(elsewhere, one);
    assert.equal((await bench.run(plan, one)).state, 'completed');
  });

  it('take the newest result of their kind, wherever in an argument they stand', async () => {
    await using bench = await Bench.open();
    await bench.run(elsewhere, gives(7));
    await bench.run(elsewhere, fails, { forced: () => true });
    const seen: unknown[] = [];
    for (const branch of ['await/ok', 'await/error', 'await/*'])
      assert.equal((await bench.run(awaiting(elsewhere, branch), seenBy('b', seen))).state, 'completed', branch);
    const failure = { code: 'trap', message: 'unreachable' };
    assert.deepEqual(seen, [[{ deep: [7] }], [{ deep: [failure] }], [{ deep: [['error', failure]] }]]);
  });

  it('do not take for a result that a runner was lost', async () => {
    await using bench = await Bench.open();
    await bench.run(elsewhere, (job) => ended(job, { tag: 'error', failure: { code: 'lost', message: 'gone' } }));
    for (const branch of ['await/error', 'await/*'])
      assert.equal((await bench.run(awaiting(elsewhere, branch), one)).errors[0]?.code, 'unresolved', branch);
  });

  it('let a run be cancelled', async () => {
    await using bench = await Bench.open();
    const stop = new AbortController();
    const onEvent = ({ kind }: RunEvent): void => {
      if (kind === 'awaiting') stop.abort();
    };
    const result = await bench.run(awaiting(elsewhere), one, { awaitTime: LONG, onEvent, signal: stop.signal });
    assert.equal(result.state, 'cancelled');
  });
});
