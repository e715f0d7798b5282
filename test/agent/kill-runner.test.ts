import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { buildGuests } from '../../scripts/build-guests.ts';
import { type Docket, GUESTS, Place, randomFrom, slotsOf } from './helpers.ts';
import { besidesOneOkEach, mixedWorkflow } from './mixed-workflow.ts';

const SEED = Number(process.env['DOCKET_KILL_SEED'] ?? randomInt(2 ** 31));
const KILLS = 6;

before(() => buildGuests());

/** Kills slot processes at random moments, as long as there are any. */
async function killRunners(docket: Docket, random: (below: number) => number): Promise<number> {
  let kills = 0;
  while (kills < KILLS && (await docket.until(() => slotsOf(docket).length > 0))) {
    await pause(random(60));
    const slots = slotsOf(docket);
    const victim = slots[random(slots.length)];
    if (victim === undefined) continue;
    try {
      process.kill(victim, 'SIGKILL');
      kills++;
    } catch {
      // Gone by itself meanwhile.
    }
  }
  return kills;
}

test('when runners are killed at random moments, what they had is tried again', async (t) => {
  t.diagnostic(`DOCKET_KILL_SEED=${SEED}`);
  using place = new Place();
  const docket = place.start('run', place.write('mixed.yaml', mixedWorkflow('killed')), '--json');
  const kills = await killRunners(docket, randomFrom(SEED));
  const report = await docket.report();
  assert.equal(report.state, 'completed');
  const lost = besidesOneOkEach(place.receipts());
  for (const { code } of lost) assert.equal(code, 'lost');
  assert.ok(lost.length <= kills, `${lost.length} lost attempts after ${kills} kills: only the job that ran is to blame`);
  assert.deepEqual(place.leftovers(), []);
  await place.slotsGone([]);
});

test('a task that takes every runner down fails after its attempts, each with a receipt, and the others finish', async () => {
  using place = new Place();
  const tasks = {
    doomed: { module: `${GUESTS}/loop.wasm`, retry: { attempts: 3, backoff: '1ms' } },
    fine: { each: [1, 2, 3, 4, 5], module: `${GUESTS}/numeric.wasm`, func: 'fib', args: ['${item}'] },
  };
  const docket = place.start('run', place.write('doomed.yaml', JSON.stringify({ tasks })), '--json', '--slots', '2');
  await docket.until(() => place.receipts().length === 5);
  while (!docket.hasEnded) {
    for (const slot of slotsOf(docket)) process.kill(slot, 'SIGKILL');
    await pause(10);
  }
  const { status, stdout } = await docket.ended;
  assert.equal(status, 1);
  const report = JSON.parse(stdout) as { errors: { task: string; code: string }[]; tasks: { failed: number; ran: number } };
  assert.deepEqual(
    report.errors.map(({ task, code }) => [task, code]),
    [['doomed', 'lost']],
  );
  assert.equal(report.tasks.ran, 5);
  assert.deepEqual(
    place
      .receipts()
      .filter(({ tag }) => tag !== 'ok')
      .map(({ attempt }) => attempt),
    [1, 2, 3],
  );
});
