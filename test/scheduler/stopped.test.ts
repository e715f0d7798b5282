import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Change, RunTaskChange } from '../../src/ledger/change.ts';
import { Bench, type Behavior, gives, nameOf } from './harness.ts';
import { indexOf, planOf, type Sketch } from './helpers.ts';

/** What a run that is stopped says of the tasks it did not come to. */

const echo: Behavior = (job) => gives(nameOf(job))(job);

/** Runs until `last` is begun, is stopped then, and gives the rows that were to be filed. */
async function stoppedAt(bench: Bench, sketches: readonly Sketch[], last: string, options: Parameters<Bench['run']>[2] = {}) {
  const plan = planOf(sketches);
  const stop = new AbortController();
  const rows: RunTaskChange[] = [];
  const result = await bench.run(
    plan,
    async (job, name, signal) => {
      if (name !== last) return gives(name)(job);
      stop.abort();
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      return { kind: 'lost', code: 'cancelled', message: 'cancelled', usage: { wall: 0, cpu: 0, memory: 0, output: 0 } };
    },
    {
      ...options,
      signal: stop.signal,
      commit: async (filed) => {
        const changes = filed as readonly Change[];
        for (const change of changes) if (change.kind === 'run-task') rows.push(change);
        return bench.ledger.commit(changes.filter((change) => change.kind !== 'run-task'));
      },
    },
  );
  assert.equal(result.state, 'cancelled');
  const cancelled = rows.filter(({ state }) => state === 'cancelled').map(({ label }) => label);
  return { plan, tasks: result.tasks, cancelled, started: result.started };
}

describe('a run that is stopped', () => {
  it('does not call cancelled what nobody needed', async () => {
    await using bench = await Bench.open();
    const found: readonly Sketch[] = [{ name: 'below' }, { name: 'found', awaits: ['below'] }];
    await bench.run(planOf(found), echo);
    const { tasks, cancelled } = await stoppedAt(bench, [...found, { name: 'last' }, { name: 'behind', awaits: ['last'] }], 'last');
    assert.deepEqual(cancelled.toSorted(), ['behind', 'last']);
    assert.deepEqual(tasks, { total: 4, ran: 0, cached: 2, failed: 0, skipped: 0, cancelled: 2 });
  });

  it('counts what it did not come to as it ended in an earlier drive, and leaves that on record', async () => {
    await using bench = await Bench.open();
    // All are impure, so that each drive runs them anew; one slot, in the order of the plan.
    const impure = { op: 'wasi/run', input: { grant: ['clock'] } };
    const sketches = ['first', 'ok', 'failed', 'none'].map((name) => ({ name, ...impure, input: { ...impure.input, func: name } }));
    const ends = ['ok', 'ok', 'failed', undefined] as const;
    const { tasks, cancelled, started } = await stoppedAt(bench, sketches, 'first', {
      count: 1,
      begun: (task) => (ends[task] === undefined ? 0 : 1),
      earlier: (task) => ends[task],
    });
    assert.deepEqual(started, ['first']);
    assert.deepEqual(cancelled.toSorted(), ['first', 'none'], 'what was begun anew, and what never ended');
    assert.deepEqual(tasks, { total: 4, ran: 0, cached: 1, failed: 1, skipped: 0, cancelled: 2 });
  });

  it('says the same when it is stopped before it looked at anything', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }, { name: 'c' }]);
    const rows: Change[] = [];
    const { state, tasks } = await bench.run(plan, echo, {
      signal: AbortSignal.abort(),
      earlier: (task) => (task === indexOf(plan, 'b') ? 'ok' : undefined),
      commit: async (filed) => {
        rows.push(...(filed as readonly Change[]));
        return { conflicts: [] };
      },
    });
    assert.deepEqual([state, rows], ['cancelled', []]);
    assert.deepEqual(tasks, { total: 3, ran: 0, cached: 2, failed: 0, skipped: 0, cancelled: 1 }, 'b ended, so nobody needs a');
  });
});
