import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepVigil } from '../../../src/agent/peers/vigil.ts';
import { isDocketError } from '../../../src/errors.ts';
import { HandClock } from '../../hand-clock.ts';

/** A vigil over a peer that says each time, in this order, whether it lives; given up after the last. */
async function vigilOver(
  answers: readonly boolean[],
): Promise<{ readonly asked: number; readonly signal: AbortSignal; readonly timers: number }> {
  const clock = new HandClock();
  let asked = 0;
  const vigil = keepVigil({ clock, isAlive: async () => answers[asked++] ?? true }, 'http://peer.example');
  while (asked < answers.length && clock.timers.size > 0) await clock.tick();
  const timers = clock.timers.size;
  vigil.end();
  assert.equal(clock.timers.size, 0);
  return { asked, signal: vigil.signal, timers };
}

test('a peer that once or twice does not say that it lives is waited for', async () => {
  const { asked, signal, timers } = await vigilOver([true, false, true, false, false, true, false, false]);
  assert.deepEqual([asked, signal.aborted, timers], [8, false, 1]);
});

test('one that does not say it three times in a row is given up', async () => {
  const { asked, signal, timers } = await vigilOver([false, true, false, false, false, true]);
  assert.deepEqual([asked, timers], [5, 0]);
  assert.ok(isDocketError(signal.reason, 'AGENT_TIMEOUT'));
});
