import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { EventLog } from '../../../../src/base/event-log.ts';
import { JournalWriter } from '../../../../src/agent/mesh/runs/journal-writer.ts';
import { DocketError } from '../../../../src/errors.ts';
import { decodeEntry } from '../../../../src/protocol/mesh/run-entry.ts';
import { HandClock } from '../../../hand-clock.ts';

test('what is told while the engine writes is written too, and what it did not write is written again', async () => {
  const clock = new HandClock();
  const log = new EventLog();
  const heard: number[] = [];
  let failures = 2;
  const journals = {
    async append(_journal: string, entries: readonly Uint8Array[]): Promise<void> {
      log.add('started', { task: log.last });
      await turn();
      log.add('settled', { task: log.last });
      await turn();
      if (failures-- > 0) throw new DocketError('MESH_UNREACHABLE', 'it has no leader');
      for (const bytes of entries) {
        const entry = decodeEntry(bytes);
        assert.ok(!('refused' in entry));
        heard.push(...entry.events.map((_, i) => entry.first + i));
      }
    },
  };
  const writer = new JournalWriter({
    ...{ journals, clock, run: 'r1', log, after: 0, largest: 2 ** 20 },
    lease: { certain: () => Promise.resolve(7) },
  });
  log.add('planned', { total: 1 });
  for (let turns = 0; turns < 1_000 && heard.length < 20; turns++) {
    clock.advance(100);
    await turn();
  }
  assert.deepEqual(
    heard.slice(0, 20),
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  await writer[Symbol.asyncDispose]();
});

test('who waits for progress of one that gave up is woken once, and waits for ever then', async () => {
  const log = new EventLog();
  const writer = new JournalWriter({
    ...{ journals: { append: () => new Promise(() => {}) }, clock: new HandClock(), run: 'r1', log, after: 0, largest: 2 ** 20 },
    lease: { certain: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined))) },
  });
  log.add('begun', {});
  const before = writer.progress;
  await writer[Symbol.asyncDispose]();
  await before;
  assert.equal(await Promise.race([writer.progress.then(() => 'told'), turn('waits')]), 'waits');
});
