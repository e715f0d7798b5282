import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import { Looks } from '../../../../src/agent/mesh/runs/pause.ts';
import { HandClock } from '../../../hand-clock.ts';

test('a promise that is looked at again and again keeps nothing of the looks that were in vain', async ({ mock }) => {
  const clock = new HandClock();
  const looks = new Looks(clock);
  const { promise, resolve } = Promise.withResolvers<string>();
  const then = mock.method(promise, 'then');
  for (let times = 0; times < 1_000; times++) {
    const look = looks.within(250, promise);
    clock.advance(250);
    assert.equal(await look, undefined);
  }
  assert.equal(then.mock.callCount(), 1);
  const last = looks.within(250, promise);
  resolve('it came');
  assert.equal(await last, 'it came');
  assert.equal(await looks.within(250, promise), 'it came', 'and so again');
  assert.equal(clock.timers.size, 0);
});

test('another promise is looked at for itself, and one that fails says so', async () => {
  const clock = new HandClock();
  const looks = new Looks(clock);
  const [one, other] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  const vain = looks.within(250, one.promise);
  clock.advance(250);
  assert.equal(await vain, undefined);
  const look = looks.within(250, other.promise);
  one.resolve(1);
  await nextTurn();
  assert.equal(clock.timers.size, 1, 'that the first came is not what is waited for');
  other.reject(new Error('it failed'));
  await assert.rejects(look, /it failed/);
  assert.equal(await looks.within(250, one.promise), 1);
});
