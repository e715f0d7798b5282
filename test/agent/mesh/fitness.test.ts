import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fitness } from '../../../src/agent/mesh/fitness.ts';
import { HandClock } from '../../hand-clock.ts';

test('an agent is fit as long as nothing keeps it from work, as it was at the last look', async () => {
  const clock = new HandClock();
  let found: readonly string[] | Error = ['its disk is full'];
  let looks = 0;
  const fitness = await Fitness.watch(clock, async () => {
    looks++;
    if (found instanceof Error) throw found;
    return found;
  });
  assert.equal(fitness.isFit, false, 'before it says anything of itself');
  for (const [next, isFit] of [
    [[], true],
    [['its ledger takes no more'], false],
    [new Error('statfs'), true],
  ] as const) {
    found = next;
    await clock.tick();
    assert.equal(fitness.isFit, isFit);
  }
  fitness[Symbol.dispose]();
  const before = looks;
  await clock.tick();
  assert.deepEqual([looks, clock.timers.size], [before, 0]);
});
