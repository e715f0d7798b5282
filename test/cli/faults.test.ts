import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { join } from 'node:path';
import { buildGuests } from '../../scripts/build-guests.ts';
import { countBy, type Docket, GUESTS, Place, processes, type Report, slotsOf } from '../agent/helpers.ts';
import { mixedWorkflow, SIZE } from '../agent/mixed-workflow.ts';

/** Runs that are stopped from outside, fail, and are taken up again. */

before(() => buildGuests());

/** Many quick tasks, and behind the first of them one that never ends by itself. */
function stuck(): string {
  return JSON.stringify({
    tasks: {
      quick: { each: Array.from({ length: 30 }, (_, i) => i), module: join(GUESTS, 'numeric.wasm'), func: 'fib', args: ['${item}'] },
      endless: { module: join(GUESTS, 'loop.wasm'), limits: { time: '60s' } },
      after: { module: join(GUESTS, 'noop.wasm'), files: { x: { from: 'endless', at: '/stdout' } } },
    },
    outputs: { one: { from: 'endless' }, two: { from: 'after' }, three: { from: 'after', at: '/stdout' } },
  });
}

/** When all that can end has ended, and the endless guest is at work. */
async function whenStuck(place: Place, docket: Docket): Promise<number[]> {
  const isBusy = (pid: number): boolean => processes().some((found) => found.pid === pid && found.state === 'R');
  const isLaunched = (): boolean => [...place.journals().values()].some((lines) => lines.length > 0);
  await docket.until(
    () => place.receipts().filter(({ tag }) => tag === 'ok').length === 30 && isLaunched() && slotsOf(docket).some(isBusy),
  );
  return [...place.slots(), ...slotsOf(docket)];
}

function outcomes(place: Place): Record<string, number> {
  return Object.fromEntries(countBy(place.receipts(), ({ tag, code }) => code ?? tag));
}

async function assertOrderly(place: Place, slots: readonly number[]): Promise<void> {
  await place.slotsGone(slots);
  assert.deepEqual(place.leftovers(), []);
}

test('Ctrl-C and SIGTERM end a run in order: what ran gets its receipt, and the next run goes on', async () => {
  using place = new Place();
  place.write('stuck.yaml', stuck());
  for (const [i, [signal, exit]] of (
    [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const
  ).entries()) {
    const docket = place.start('run', 'stuck.yaml', '--json');
    const slots = await whenStuck(place, docket);
    const { status, stdout, stderr } = await docket.kill(signal);
    assert.equal(status, exit, stderr);
    const { state, tasks, errors } = JSON.parse(stdout) as Report;
    assert.deepEqual(
      errors.map(({ task, message }) => [task, message]),
      [['outputs', '3 outputs were not made before the run was stopped']],
    );
    assert.match(stderr, /^stopping: 1 task is being ended; once more kills$/m);
    assert.deepEqual([state, tasks.cached + tasks.ran, tasks.cancelled], ['cancelled', 30, 2]);
    assert.deepEqual(outcomes(place), { ok: 30, cancelled: i + 1 });
    await assertOrderly(place, slots);
  }
  assert.deepEqual(
    place.runs().map(({ state }) => state),
    ['cancelled', 'cancelled'],
  );
});

test('Ctrl-C in the middle of many short tasks ends at once, and each task is finished once in the end', async () => {
  using place = new Place();
  place.write('mixed.yaml', mixedWorkflow('stopped'));
  for (const begun of [3, 14, 25]) {
    const docket = place.start('run', 'mixed.yaml');
    await docket.until(() => [...place.journals().values()].flat().length >= begun);
    const { status, stderr } = await docket.kill('SIGINT');
    assert.ok(status === 130 || status === 0, stderr);
    await assertOrderly(place, []);
  }
  assert.equal((await place.run('mixed.yaml')).state, 'completed');
  const { ok, ...rest } = outcomes(place);
  assert.equal(ok, SIZE);
  assert.ok(Object.keys(rest).every((code) => code === 'cancelled'));
});

test('a second Ctrl-C kills, and that loses nothing either', async () => {
  using place = new Place();
  place.write('stuck.yaml', stuck());
  const docket = place.start('run', 'stuck.yaml');
  const slots = await whenStuck(place, docket);
  docket.child.kill('SIGINT');
  const { status, signal } = await docket.kill('SIGINT');
  assert.ok(status === 130 || signal === 'SIGINT', `${status} ${signal}`);
  await place.slotsGone(slots);
  assert.equal((await place.docket('runs')).status, 0);
  const { ok, ...rest } = outcomes(place);
  assert.equal(ok, 30);
  assert.deepEqual(Object.values(rest), [1], 'the endless task has one receipt more, whichever of the two ended it');
  assert.deepEqual(place.leftovers(), []);
});

test('`cancel` stops a run of another process; `resume` takes it up, and only what was not finished runs', async () => {
  using place = new Place();
  place.write('stuck.yaml', stuck());
  const docket = place.start('run', 'stuck.yaml');
  const slots = await whenStuck(place, docket);
  const cancel = await place.docket('cancel', 'last', '--json');
  assert.equal(cancel.status, 0, cancel.stderr);
  assert.equal((JSON.parse(cancel.stdout) as { state: string }).state, 'cancelled');
  assert.equal((await docket.ended).status, 130);
  assert.deepEqual(outcomes(place), { ok: 30, cancelled: 1 });
  await assertOrderly(place, slots);

  const resumed = place.start('resume', 'last', '--json');
  await whenStuck(place, resumed);
  const { stdout } = await resumed.kill('SIGINT');
  assert.deepEqual((JSON.parse(stdout) as Report).tasks, { total: 32, ran: 0, cached: 30, failed: 0, skipped: 0, cancelled: 2 });
  // The second attempt leaves a receipt only if its slot process had started before the signal came.
  const attempts = place.receipts().filter(({ tag }) => tag !== 'ok');
  const numbered = attempts.map((_, i) => ['cancelled', i + 1]);
  assert.ok(attempts.length === 1 || attempts.length === 2);
  assert.deepEqual(
    attempts.map(({ code, attempt }) => [code, attempt]),
    numbered,
    'attempts are numbered through the whole run',
  );
  assert.equal(place.runs().length, 1);
  assert.deepEqual(place.leftovers(), []);
});

test('a run that another process drives can be neither resumed nor taken for dead', async () => {
  using place = new Place();
  place.write('stuck.yaml', stuck());
  const docket = place.start('run', 'stuck.yaml');
  const slots = await whenStuck(place, docket);
  const { status, stderr } = await place.docket('resume', 'last');
  assert.notEqual(status, 0);
  assert.match(stderr, /RUN_BUSY/);
  assert.deepEqual(
    place.runs().map(({ state }) => state),
    ['running'],
  );
  assert.deepEqual(outcomes(place), { ok: 30 });
  await docket.kill('SIGINT');
  await assertOrderly(place, slots);
});

test('cancelled while its coordinator was killed: the run stays cancelled, and its task in flight gets its receipt', async () => {
  using place = new Place();
  place.write('stuck.yaml', stuck());
  const docket = place.start('run', 'stuck.yaml');
  const slots = await whenStuck(place, docket);
  // Held, so that it cannot hear of the cancellation before it is killed.
  docket.child.kill('SIGSTOP');
  const cancel = place.start('cancel', 'last');
  await cancel.until(() => place.runs()[0]!.state === 'cancelled');
  await docket.kill('SIGKILL');
  await cancel.ended;
  await place.slotsGone(slots);
  assert.equal((await place.docket('runs')).status, 0);
  assert.deepEqual(outcomes(place), { ok: 30, lost: 1 });
  assert.deepEqual(
    place.runs().map(({ state }) => state),
    ['cancelled'],
  );
  assert.deepEqual(place.leftovers(), []);
});

test('fail-fast stops what runs; without it independent branches finish, and what did not run is told', async () => {
  const workflow = {
    tasks: {
      trap: { module: join(GUESTS, 'numeric.wasm'), func: 'unreachable' },
      behind: { module: join(GUESTS, 'numeric.wasm'), func: 'add', args: [{ from: 'trap' }, 1] },
      endless: { module: join(GUESTS, 'loop.wasm'), limits: { time: '400ms' } },
      fine: { each: [5, 6, 7], module: join(GUESTS, 'numeric.wasm'), func: 'fib', args: ['${item}'] },
    },
  };
  using place = new Place();
  place.write('mixed.yaml', JSON.stringify(workflow));
  const going = await place.docket('run', 'mixed.yaml', '--json');
  assert.equal(going.status, 1);
  const all = JSON.parse(going.stdout) as Report;
  assert.deepEqual(all.tasks, { total: 6, ran: 3, cached: 0, failed: 2, skipped: 1, cancelled: 0 });
  assert.deepEqual(
    new Map(all.errors.map(({ task, code }) => [task, code])),
    new Map([
      ['trap', 'trap'],
      ['endless', 'limit/time'],
    ]),
  );

  const resumed = await place.docket('resume', 'last', '--json');
  assert.equal(resumed.status, 1);
  assert.deepEqual((JSON.parse(resumed.stdout) as Report).tasks, { ...all.tasks, ran: 0, cached: 3 }, 'what failed is tried again');
  assert.equal((await place.docket('cancel', 'last')).status, 0);
  assert.deepEqual(
    place.runs().map(({ state }) => state),
    ['failed'],
    'a run that is over stays as it is',
  );

  using other = new Place();
  other.write('mixed.yaml', JSON.stringify({ tasks: { ...workflow.tasks, endless: { module: join(GUESTS, 'loop.wasm') } } }));
  const fast = await other.docket('run', 'mixed.yaml', '--json', '--fail-fast');
  assert.equal(fast.status, 1);
  const some = JSON.parse(fast.stdout) as Report;
  assert.equal(some.state, 'failed');
  assert.deepEqual(
    some.errors.map(({ task }) => task),
    ['trap'],
  );
  assert.equal(some.tasks.ran + some.tasks.failed + some.tasks.skipped + some.tasks.cancelled, 6);
  await assertOrderly(other, []);

  other.write('mixed.yaml', JSON.stringify(workflow));
  const second = await other.docket('run', 'mixed.yaml', '--json');
  assert.equal((JSON.parse(second.stdout) as Report).tasks.failed, 2);
  assert.equal(other.receipts().filter(({ tag }) => tag === 'ok').length, 3, 'what was finished before did not run again');
});
