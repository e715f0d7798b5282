import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import type { Engine } from '../../src/agent/engine.ts';
import { runRecords } from '../../src/agent/run-records.ts';
import type { TaskView } from '../../src/protocol/records.ts';
import { GUESTS, Place } from './helpers.ts';

/** A task whose attempt came to nothing, and that is tried again: it has not failed. */

before(() => buildGuests());

const NUMERIC = join(GUESTS, 'numeric.wasm');
const RETRYING = JSON.stringify({
  docket: 1,
  tasks: { bad: { module: NUMERIC, func: 'unreachable', retry: { attempts: 2, backoff: '1h', 'on-failure': true } } },
});

/** Until the ledger is as it is to be. */
async function committed({ ledger }: Engine, isThere: () => boolean): Promise<void> {
  const there = Promise.withResolvers<void>();
  const look = (): void => void (isThere() && there.resolve());
  using _ear = ledger.onCommit(look);
  look();
  await there.promise;
}

/** The run, looked at while its task rests; then it is cancelled. */
test('it counts as failed only where nothing more is tried', async () => {
  using place = new Place();
  place.write('w.json', RETRYING);
  await using engine = await place.open();
  const records = runRecords(engine);
  const stop = new AbortController();
  const resting = Promise.withResolvers<void>();
  const running = place.runWith(engine, 'w.json', {
    signal: stop.signal,
    onEvent: ({ kind }) => void (kind === 'retrying' && resting.resolve()),
  });
  await resting.promise;
  const run = (await records.find('last')).run;
  await committed(engine, () => engine.ledger.runTask(run, 0)?.state === 'retrying');

  const task = async (): Promise<TaskView> => (await records.tasks(run, { from: 0, limit: 1 })).tasks[0]!;
  const during = await task();
  assert.deepEqual([during.state, during.attempts, during.agent], ['retrying', 1, engine.key.did]);
  assert.match(during.error ?? '', /unreachable.*\[trap\]/);
  assert.deepEqual((await records.find(run)).tasks, { total: 1, ran: 0, cached: 0, failed: 0, skipped: 0, cancelled: 0 });
  const { why } = await records.why(run, 'bad');
  assert.ok(why.kind === 'pending' && why.tried !== undefined, why.kind);
  assert.equal(why.tried.receipt.toString(), during.receipt);

  // As found after its driver was killed.
  await engine.ledger.commit([{ kind: 'run-update', run, state: 'interrupted' }]);
  assert.equal((await task()).state, 'failed');
  assert.equal((await records.find(run)).tasks?.failed, 1);
  await engine.ledger.commit([{ kind: 'run-update', run, state: 'running' }]);

  stop.abort();
  assert.equal((await running).state, 'cancelled');
  assert.equal((await task()).state, 'cancelled');
});
