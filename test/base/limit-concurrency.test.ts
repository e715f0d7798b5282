import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mapConcurrent } from '../../src/base/limit-concurrency.ts';

test('results stand in the order of the items, and the limit holds', async () => {
  let running = 0;
  let most = 0;
  const doubled = await mapConcurrent([5, 1, 4, 2, 3], 2, async (item) => {
    most = Math.max(most, ++running);
    for (let i = 0; i < item; i++) await Promise.resolve();
    running--;
    return item * 2;
  });
  assert.deepEqual(doubled, [10, 2, 8, 4, 6]);
  assert.equal(most, 2);
});

test('no items', async () => {
  assert.deepEqual(await mapConcurrent([], 4, async () => assert.fail()), []);
});

test('after a failure nothing new starts, and what runs is waited for', async () => {
  const held = Promise.withResolvers<void>();
  const events: string[] = [];
  const all = mapConcurrent(['slow', 'fails', 'never'], 2, async (item) => {
    events.push(`start ${item}`);
    if (item === 'fails') throw new Error('failed');
    await held.promise;
    events.push(`end ${item}`);
  }).catch((error: Error) => events.push(error.message));
  await new Promise(setImmediate);
  assert.deepEqual(events, ['start slow', 'start fails']);
  held.resolve();
  await all;
  assert.deepEqual(events, ['start slow', 'start fails', 'end slow', 'failed']);
});
