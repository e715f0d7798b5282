import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DocketError } from '../../src/errors.ts';
import { Slots } from '../../src/ledger/slots.ts';
import type { SlotSource } from '../../src/scheduler/local-crew.ts';
import { HandClock } from '../hand-clock.ts';
import { assertByWeight } from './by-weight.ts';
import { Bench, ended, nameOf } from './harness.ts';
import { planOf } from './helpers.ts';

/** The slots of a home, without its processes: a job takes its time. */
function homeSlots(slots: Slots, clock: HandClock, time: number, onJob: (name: string) => void): SlotSource {
  return {
    async acquire(signal, holder) {
      const right = await slots.acquire(signal, holder);
      // One after the other.
      let before: Promise<void> = Promise.resolve();
      return {
        slot: {
          submit: async (job) => {
            before = before.then(async () => {
              onJob(nameOf(job));
              await new Promise<void>((resolve) => clock.after(time, resolve));
            });
            await before;
            return ended(job, { tag: 'ok', value: nameOf(job) });
          },
        },
        isWantedHere: () => right.isWantedHere(),
        isWantedElsewhere: () => right.isWantedElsewhere(),
        release: async () => right.release(),
      };
    },
  };
}

async function share(
  weights: readonly number[],
  count: number,
  turns: number,
  tasks = 600,
): Promise<{ readonly weight: number; readonly had: number }[]> {
  await using bench = await Bench.open();
  const folder = mkdtempSync(join(tmpdir(), 'docket-weights-'));
  const clock = new HandClock();
  const slots = new Slots(folder, count, clock);
  const had = weights.map(() => 0);
  const cancel = new AbortController();
  try {
    const source = homeSlots(slots, clock, 100, (name) => had[Number(name.split('-')[0])]!++);
    const runs = weights.map((weight, i) => {
      const plan = planOf(Array.from({ length: tasks }, (_, task) => ({ name: `${i}-${task}` })));
      return bench.run(plan, () => assert.fail(), { run: `R${i}`, source, count, clock, weight, signal: cancel.signal });
    });
    for (let turn = 0; turn < turns; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(25);
    }
    const result = weights.map((weight, i) => ({ weight, had: had[i]! }));
    cancel.abort(new DocketError('CANCELLED', 'enough'));
    const state = { isOver: false };
    const over = Promise.all(runs).finally(() => (state.isOver = true));
    while (!state.isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(25);
    }
    await over;
    return result;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('fifty runs share four slots by their weights, and none gets nothing', async () => {
  assertByWeight(
    await share(
      Array.from({ length: 50 }, (_, i) => 1 + (i % 4)),
      4,
      8_000,
    ),
  );
});

test('one that is to have ten times as much gets it where each could have a slot', async () => {
  assertByWeight(await share([10, 1], 2, 3_000, 2_000));
  assertByWeight(await share([10, 1, 1, 1], 2, 6_000, 3_000));
});

test('those alike have alike, few or many', async () => {
  assertByWeight(await share([1, 1, 1], 4, 1_500, 1_000));
  assertByWeight(await share([1, 1], 1, 1_000));
});
