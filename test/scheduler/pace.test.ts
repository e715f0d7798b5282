import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from '../../src/scheduler/pace.ts';

test('the line of a slot holds some milliseconds of expected work, of the shortest tasks so many at most', () => {
  const depths = [0.001, 0.05, 0.5, 3, 9, 10, 60_000].map((wall) => {
    const pace = new Pace(() => undefined);
    pace.learn('group', wall);
    return pace.depth(0, 'group');
  });
  assert.deepEqual(depths, [128, 80, 8, 2, 2, 1, 1]);
});

test('nothing stands behind a task of which nobody knows how long it takes', () => {
  const pace = new Pace((task) => (task === 1 ? 1 : undefined));
  assert.equal(pace.depth(0, 'group'), 1);
  assert.equal(pace.depth(1, 'group'), 4, 'an earlier run knew');
});
