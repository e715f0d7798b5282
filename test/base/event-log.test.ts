import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import { EventLog } from '../../src/base/event-log.ts';

const never = new AbortController().signal;

async function readAll(log: EventLog, after = 0): Promise<string[]> {
  const found: string[] = [];
  for await (const { seq, kind, data } of log.read(after, never)) found.push(`${seq} ${kind} ${data}`);
  return found;
}

test('every reader gets every event, whenever it comes, and ends with the log', async () => {
  const log = new EventLog();
  const early = readAll(log);
  log.add('a', 1);
  const late = readAll(log);
  log.add('b', { x: 'y' });
  log.close();
  const all = ['1 a 1', '2 b {"x":"y"}'];
  assert.deepEqual([await early, await late, await readAll(log)], [all, all, all]);
  assert.deepEqual(await readAll(log, 1), all.slice(1));
  assert.deepEqual(await readAll(log, 2), []);
  assert.deepEqual(await readAll(log, 99), all, 'who had more had it from another log');
});

test('who reads too slowly is told what it missed', async () => {
  const log = new EventLog();
  const slow = log.read(0, never);
  log.add('first', 0);
  assert.equal((await slow.next()).value?.kind, 'first');
  for (let i = 0; i < 25_000; i++) log.add('more', i);
  log.close();
  const gap = (await slow.next()).value!;
  const { missed } = JSON.parse(gap.data) as { missed: number };
  assert.equal(gap.kind, 'gap');
  const next = (await slow.next()).value!;
  assert.deepEqual([next.seq, missed], [gap.seq + 1, gap.seq - 1]);
  let last = next.seq;
  for await (const { seq } of slow) assert.equal(seq, ++last);
  assert.equal(last, 25_001);
});

test('a reader ends by its signal while nothing happens', async () => {
  const log = new EventLog();
  const stop = new AbortController();
  const reading = log.read(0, stop.signal).next();
  stop.abort(new Error('gone'));
  await assert.rejects(reading, /gone/);
});

test('however long its events are, a log keeps so many characters, and the newest event', async () => {
  const log = new EventLog({ characters: 1000 });
  for (let i = 0; i < 100; i++) {
    log.add('long', 'x'.repeat(98));
    assert.ok(log.size <= 1000);
  }
  log.close();
  const all = await readAll(log);
  assert.match(all[0]!, /^\d+ gap \{"missed":\d+\}$/);
  assert.deepEqual([all.length - 1, log.size], [log.size / 100, (all.length - 1) * 100]);
  assert.match(all.at(-1)!, /^100 long/);

  const huge = new EventLog({ characters: 1000 });
  huge.add('a', 1);
  huge.add('ended', 'x'.repeat(5000));
  huge.close();
  assert.deepEqual(
    (await readAll(huge)).map((line) => line.slice(0, 7)),
    ['1 gap {', '2 ended'],
  );
});

test('a reader that waits is woken by its signal, and keeps nothing of what it read', async ({ mock }) => {
  const log = new EventLog({ kept: 10 });
  const stop = new AbortController();
  const race = mock.method(Promise, 'race');
  let read = 0;
  const isRead = (count: number): boolean => read >= count;
  const reading = (async () => {
    for await (const _ of log.read(0, stop.signal)) read++;
  })();
  for (let count = 1; count <= 1_000; count++) {
    log.add('a', count);
    while (!isRead(count)) await nextTurn();
  }
  assert.equal(race.mock.callCount(), 0, 'every race leaves a reaction at what does not win it');
  stop.abort(new Error('enough'));
  await assert.rejects(reading, /enough/);
});
