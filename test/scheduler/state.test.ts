import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Plan } from '../../src/workflow/model.ts';
import * as State from '../../src/scheduler/state.ts';
import { indexOf, MODULE, planOf, type Sketch } from './helpers.ts';

const ok = (value: number): State.Result => ({ status: State.OK, value, receipt: MODULE, via: 'ran' });
const failed: State.Result = { status: State.FAILED, value: { code: 'trap', message: 'm' }, receipt: MODULE, via: 'ran' };

/** Demands the sinks and all behind them, as the coordinator does when nothing is found. */
function demandAll(plan: Plan): { state: State.RunState; ready: number[] } {
  const state = State.create(plan);
  const ready: number[] = [];
  const pending = State.sinks(state);
  for (let task = pending.pop(); task !== undefined; task = pending.pop()) {
    ready.push(...State.demand(state, task).ready);
    for (const input of plan.tasks[task]!.awaits) if (state.status[input.task] === State.IDLE) pending.push(input.task);
  }
  return { state, ready };
}

describe('run state', () => {
  it('makes a task ready when its last input is settled', () => {
    const plan = planOf([{ name: 'a' }, { name: 'b' }, { name: 'c', awaits: ['a', 'b'] }]);
    const { state, ready } = demandAll(plan);
    assert.deepEqual(ready.sort(), [0, 1]);
    assert.deepEqual(State.settle(state, 0, ok(1)).ready, []);
    assert.deepEqual(State.settle(state, 1, ok(2)).ready, [2]);
    State.settle(state, 2, ok(3));
    assert.equal(state.open, 0);
  });

  it('skips what waits for a success that failed, names the cause, and lets the others finish', () => {
    const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }, { name: 'c', awaits: ['b'] }, { name: 'd' }]);
    const { state } = demandAll(plan);
    const a = indexOf(plan, 'a');
    const effects = State.settle(state, a, failed);
    assert.deepEqual(effects.settled.length, 3);
    assert.deepEqual(state.results[indexOf(plan, 'c')], { status: State.SKIPPED, cause: a, reason: 'failure' });
    assert.equal(state.status[indexOf(plan, 'd')], State.READY);
    assert.equal(state.open, 1);
  });

  it('takes the branch of the outcome', () => {
    const plan = planOf([
      { name: 'a' },
      { name: 'good', awaits: [['a', 'await/ok']] },
      { name: 'bad', awaits: [['a', 'await/error']] },
      { name: 'any', awaits: [['a', 'await/*']] },
    ]);
    for (const [result, runs, skips] of [
      [ok(1), ['good', 'any'], 'bad'],
      [failed, ['bad', 'any'], 'good'],
    ] as const) {
      const { state } = demandAll(plan);
      const effects = State.settle(state, indexOf(plan, 'a'), result);
      assert.deepEqual(effects.ready.map((task) => plan.tasks[task]!.label).sort(), [...runs].sort());
      assert.equal(state.status[indexOf(plan, skips)], State.SKIPPED);
    }
  });

  it('leaves what is behind a hit idle', () => {
    const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }]);
    const state = State.create(plan);
    State.adopt(state, indexOf(plan, 'b'), ok(1));
    assert.equal(state.status[indexOf(plan, 'a')], State.IDLE);
    assert.equal(state.open, 0);
  });

  it('reopens a settled task whose blobs are gone, and its consumer waits again', () => {
    const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }, { name: 'c', awaits: ['a', 'b'] }]);
    const { state } = demandAll(plan);
    const [a, b, c] = ['a', 'b', 'c'].map((label) => indexOf(plan, label)) as [number, number, number];
    State.settle(state, a, ok(1));
    assert.deepEqual(State.reopen(state, a, b).ready, [a]);
    assert.equal(state.status[b], State.WAITING);
    assert.deepEqual(State.settle(state, a, ok(1)).ready, [b]);
    assert.deepEqual(State.settle(state, b, ok(2)).ready, [c]);
    State.settle(state, c, ok(3));
    assert.equal(state.open, 0);
  });

  it('cancels everything that was demanded and is not with a slot', () => {
    const plan = planOf([{ name: 'a' }, { name: 'b' }, { name: 'c', awaits: ['a', 'b'] }, { name: 'd' }]);
    const state = State.create(plan);
    for (const task of [0, 1, 2]) State.demand(state, task);
    State.start(state, 0);
    State.rest(state, 1);
    assert.deepEqual(State.cancelPending(state).settled, [1, 2]);
    assert.deepEqual([state.open, state.status[3]], [1, State.IDLE]);
    State.settle(state, 0, { status: State.CANCELLED });
    assert.equal(state.open, 0);
    assert.equal(state.status[2], State.CANCELLED);
  });

  it('settles every demanded task of any graph exactly once, whatever fails and in whatever order', () => {
    const graph = fc
      .array(
        fc.array(fc.tuple(fc.nat(), fc.constantFrom('await/ok' as const, 'await/error' as const, 'await/*' as const)), { maxLength: 4 }),
        {
          minLength: 1,
          maxLength: 30,
        },
      )
      .map((nodes): Sketch[] =>
        nodes.map((inputs, i) => ({
          name: `t${i}`,
          awaits: i === 0 ? [] : inputs.map(([n, branch]) => [`t${n % i}`, branch] as const),
        })),
      );
    fc.assert(
      fc.property(graph, fc.infiniteStream(fc.nat()), fc.infiniteStream(fc.boolean()), (sketches, picks, failures) => {
        const plan = planOf(sketches);
        const { state, ready } = demandAll(plan);
        const settled = new Set<number>();
        while (ready.length > 0) {
          const [task] = ready.splice(picks.next().value % ready.length, 1);
          assert.ok(
            plan.tasks[task!]!.awaits.every((input) => State.isSettled(state, input.task)),
            'ready before its inputs',
          );
          State.start(state, task!);
          const effects = State.settle(state, task!, failures.next().value ? failed : ok(1));
          for (const done of effects.settled) {
            assert.ok(!settled.has(done), 'settled twice');
            settled.add(done);
          }
          ready.push(...effects.ready);
        }
        assert.equal(state.open, 0);
        assert.equal(settled.size, plan.tasks.length);
      }),
      { numRuns: 200 },
    );
  });
});
