import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { buildGuests } from '../../scripts/build-guests.ts';
import { countBy, type Docket, GUESTS, Place, processes, randomFrom, type Report, slotsOf } from './helpers.ts';
import { Account, CRASH } from './kill-account.ts';
import { besidesOneOkEach, mixedWorkflow, SIZE } from './mixed-workflow.ts';

/**
 * `kill -9` of Docket at random moments. A failure names its seed: run again with DOCKET_KILL_SEED, and with more rounds through DOCKET_KILL_ROUNDS.
 */
const SEED = Number(process.env['DOCKET_KILL_SEED'] ?? randomInt(2 ** 31));
const ROUNDS = Number(process.env['DOCKET_KILL_ROUNDS'] ?? 15);

before(() => buildGuests());

/** Some moment between the start of the process and its end: when so many attempts were begun, or somewhere before the first. */
async function someMoment(random: (below: number) => number, place: Place, docket: Docket, left: number): Promise<void> {
  if (random(5) === 0) await Promise.race([pause(random(700)), docket.ended]);
  else {
    const old = place.journals();
    const begun = (): number => [...place.journals()].reduce((sum, [run, lines]) => sum + (old.has(run) ? 0 : lines.length), 0);
    const enough = random(Math.ceil(left * 0.8));
    await docket.until(() => begun() >= enough);
    if (random(2) === 0) await pause(random(4));
  }
}

test(`killed at ${ROUNDS} random moments, a run comes to the same end, and no finished task runs again`, async (t) => {
  t.diagnostic(`DOCKET_KILL_SEED=${SEED}`);
  const random = randomFrom(SEED);
  let kills = 0;
  let owed = 0;
  let expected: Report['outputs'] | undefined;
  for (let session = 0; kills < ROUNDS; session++) {
    using place = new Place();
    const file = place.write('mixed.yaml', mixedWorkflow(`mixed-${session}`));
    const account = new Account(place);
    let report: Report | undefined;
    while (report === undefined) {
      account.open();
      const done = place.receipts().filter(({ tag }) => tag === 'ok').length;
      const canResume = place.runs().length > 0 && random(3) === 0;
      const docket = canResume ? place.start('resume', 'last', '--json') : place.start('run', file, '--json');
      const spare = kills === ROUNDS || done === SIZE;
      if (!spare) await someMoment(random, place, docket, SIZE - done);
      const slots = [...place.slots(), ...slotsOf(docket)];
      const ended = spare ? await docket.ended : await docket.kill('SIGKILL');
      if (ended.signal === null) report = await docket.report();
      else {
        kills++;
        await place.slotsGone(slots);
        await account.close();
      }
    }
    const crashed = besidesOneOkEach(place.receipts());
    for (const { code, message } of crashed) assert.deepEqual([code, message], ['lost', CRASH]);
    const paid = countBy(crashed, ({ instruction }) => instruction);
    assert.deepEqual(
      paid,
      new Map([...account.owed].filter(([, count]) => count > 0).toSorted(([a], [b]) => order(paid, a) - order(paid, b))),
      'crash receipts for what was in flight',
    );
    owed += crashed.length;

    expected ??= await undisturbed(file);
    assert.deepEqual(report.outputs, expected, 'the outputs of a run that nobody killed');
    assert.deepEqual(place.leftovers(), []);
    assert.deepEqual(
      place.runs().filter(({ state }) => state === 'running'),
      [],
    );
    if (kills < ROUNDS) continue;
    const { status, stderr } = await place.docket('store', 'verify');
    assert.equal(status, 0, stderr);
  }
  assert.ok(ROUNDS < 10 || owed > 0, 'some kills hit tasks');
});

function order(counts: ReadonlyMap<string, number>, name: string): number {
  return [...counts.keys()].indexOf(name);
}

async function undisturbed(file: string): Promise<Report['outputs']> {
  using place = new Place();
  return (await place.run(file)).outputs;
}

test('a guest that never ends dies with the docket that was killed', async () => {
  using place = new Place();
  const file = place.write(
    'endless.yaml',
    JSON.stringify({ tasks: { endless: { module: join(GUESTS, 'loop.wasm'), retry: { attempts: 1 } } } }),
  );
  const docket = place.start('run', file);
  await docket.until(() => slotsOf(docket).some((slot) => processes().some(({ pid, state }) => pid === slot && state === 'R')));
  const slots = [...place.slots(), ...slotsOf(docket)];
  await docket.kill('SIGKILL');
  await place.slotsGone(slots);

  const { status, stdout } = await place.docket('runs');
  assert.equal(status, 0);
  assert.match(stdout, /interrupted .* 1 task: 0 ran, 0 cached, 1 failed /, 'what is known of it');
  assert.deepEqual(
    place.receipts().map(({ code, attempt }) => [code, attempt]),
    [['lost', 1]],
  );
  assert.deepEqual(place.leftovers(), []);
});
