import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RateLimit } from '../../src/api/rate-limit.ts';
import { isDocketError } from '../../src/errors.ts';
import { HandClock } from '../hand-clock.ts';
import { Door, type Problem } from './helpers.ts';

/** Seconds to wait if it is refused. */
function taken(limit: RateLimit, client = 'a'): true | number {
  try {
    limit.take(client);
    return true;
  } catch (error) {
    assert.ok(isDocketError(error, 'RATE_LIMITED'));
    return error.details['retryAfter'] as number;
  }
}

test('as many at once as in a second, then as fast as the rate; each client for itself', () => {
  const clock = new HandClock();
  const limit = new RateLimit({ rate: 2, clock });
  assert.deepEqual([taken(limit), taken(limit), taken(limit)], [true, true, 1]);
  assert.equal(taken(limit, 'b'), true);
  clock.advance(499);
  assert.equal(taken(limit), 1);
  clock.advance(1);
  assert.deepEqual([taken(limit), taken(limit)], [true, 1]);
  clock.advance(3_600_000);
  assert.deepEqual([taken(limit), taken(limit), taken(limit)], [true, true, 1], 'silence saves no more than a second');
});

test('never more than the rate in any stretch of time, and who waits as told is let in', () => {
  const steps = fc.array(fc.nat({ max: 3_000 }), { minLength: 1, maxLength: 100 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), steps, (rate, waits) => {
      const clock = new HandClock();
      const limit = new RateLimit({ rate, clock });
      const times: number[] = [];
      for (const wait of waits) {
        clock.advance(wait);
        const answer = taken(limit);
        if (answer !== true) {
          clock.advance(answer * 1000);
          assert.equal(taken(limit), true);
        }
        times.push(clock.monotonic());
      }
      for (const [i, from] of times.entries())
        for (const [j, to] of times.entries()) assert.ok(j < i || j - i + 1 <= rate + ((to - from) * rate) / 1000 + 1e-6);
    }),
  );
});

test('clients are forgotten when they fall silent, or when they are too many', () => {
  const clock = new HandClock();
  const limit = new RateLimit({ rate: 1, clock, clients: 4 });
  for (const client of ['a', 'b', 'c', 'd']) assert.equal(taken(limit, client), true);
  clock.advance(1000);
  taken(limit, 'e');
  assert.equal(limit.size, 1, 'the others are full again');
  for (let i = 0; i < 100; i++) taken(limit, String(i));
  assert.ok(limit.size <= 4);
});

test('who asks too often is told when to come back, by token or address, whatever the token says', async () => {
  const clock = new HandClock();
  await using door = await Door.open({ rate: 3, clock });
  const ping = async (authorization: string): Promise<[number, string | null]> => {
    const reply = await door.ask('GET', '/monitor/ping', { headers: { authorization } });
    if (reply.status === 429) assert.equal(((await reply.json()) as Problem).code, 'RATE_LIMITED');
    else await reply.text();
    return [reply.status, reply.headers.get('retry-after')];
  };
  const mine = `Bearer ${door.agent.token}`;
  for (let i = 0; i < 3; i++) assert.deepEqual(await ping(mine), [200, null]);
  assert.deepEqual(await ping(mine), [429, '1']);
  const basic = `Basic ${Buffer.from(`x:${door.agent.token}`).toString('base64')}`;
  assert.deepEqual(await ping(basic), [429, '1'], 'the same token is the same client');
  for (const [i, token] of ['', 'Bearer x', 'Bearer y', 'Bearer z'].entries())
    assert.equal((await ping(token))[0], i < 3 ? 200 : 429, 'tokens that are not known are no clients of their own');
  clock.advance(1000);
  assert.deepEqual(await ping(mine), [200, null]);
});
