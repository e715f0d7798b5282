import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { cancelRun } from '../../src/agent/cancel-run.ts';
import { Engine } from '../../src/agent/engine.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { isDocketError } from '../../src/errors.ts';
import { Lock } from '../../src/ledger/locks.ts';
import { GUESTS, Place, slotsOf } from './helpers.ts';

before(() => buildGuests());

/** A clock that runs a thousand times as fast. */
const fast: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * 1_000,
  after: (ms, callback) => systemClock.after(ms / 1_000, callback),
};

test('a coordinator that does not react is not waited for for ever', async () => {
  using place = new Place();
  await using engine = await Engine.open({ home: place.paths.home, clock: fast });
  const run = '01K00000000000000000000000';
  const stored = await engine.store.put(Buffer.from('a plan'));
  await engine.ledger.commit([{ kind: 'run', run, name: 'stuck', workflow: stored.cid, plan: null, options: {}, tasks: 1, created: 1 }]);
  const never = new AbortController().signal;
  {
    using lock = Lock.tryAcquire(place.paths.runLock(run));
    assert.ok(lock !== undefined);
    await assert.rejects(
      cancelRun(engine, run, never),
      (error) => isDocketError(error, 'RUN_BUSY') && /does not react/.test(error.message),
    );
    assert.equal(await cancelRun(engine, run, never), 'cancelled', 'it is told so all the same');
  }
});

test('a run whose cancellation cannot be told any more, since its row is damaged, ends in order', async () => {
  using place = new Place();
  const file = place.write('endless.yaml', JSON.stringify({ tasks: { endless: { module: `${GUESTS}/loop.wasm` } } }));
  const docket = place.start('run', file);
  await docket.until(() => slotsOf(docket).length > 0 && place.journals().size > 0);
  const slots = slotsOf(docket);
  place.tamper(`UPDATE runs SET workflow = x'00'`);
  const { status, stderr } = await docket.ended;
  assert.deepEqual([status, /LEDGER_DAMAGED/.test(stderr), /unexpected failure/.test(stderr)], [1, true, false], stderr);
  await place.slotsGone(slots);
});
