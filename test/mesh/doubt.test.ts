import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Doubt } from '../../src/mesh/nats/doubt.ts';

/** Seconds at which it is asked, of these; looked at twice a second. */
function asked(doubt: Doubt, from: number, to: number): number[] {
  const times: number[] = [];
  for (let now = from * 1_000; now < to * 1_000; now += 500) if (doubt.isDue(now)) times.push(now / 1_000);
  return times;
}

test('who hears nothing new asks seldom, however long that lasts, and soon after something came', () => {
  const doubt = new Doubt(0);
  assert.deepEqual(asked(doubt, 0, 60), [1, 3, 7, 15, 23, 31, 39, 47, 55]);
  assert.equal(asked(doubt, 60, 3_660).length, 3_600 / 8);
  doubt.ease(3_660_000);
  assert.deepEqual(asked(doubt, 3_660, 3_670), [3_661, 3_663, 3_667]);
});
