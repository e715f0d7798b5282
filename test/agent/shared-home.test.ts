import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { countBy, type Ended, list, Place, type Report, WORK, workIntervals } from './helpers.ts';
import type { RunEvent } from '../../src/scheduler/events.ts';
import { mixedWorkflow, SIZE } from './mixed-workflow.ts';

before(() => buildGuests());

/** Tasks that keep a processor busy and tell when; impure, so that every run runs them all. */
function busy(name: string, count: number, ms: number): string {
  const items = Array.from({ length: count }, (_, i) => i);
  return JSON.stringify({
    tasks: { [name]: { each: items, module: 'work.wasm', args: [String(ms)], grant: ['clock'], nonce: `${name}-\${index}` } },
  });
}

/** The most guests that were at work at one time. */
function mostAtOnce(intervals: readonly { readonly began: number; readonly ended: number }[]): number {
  const changes = intervals.flatMap(({ began, ended }): [number, number][] => [
    [began, 1],
    [ended, -1],
  ]);
  let now = 0;
  let most = 0;
  for (const [, change] of changes.toSorted(([a, up], [b, other]) => a - b || up - other)) most = Math.max(most, (now += change));
  return most;
}

function assertPeaceful(ends: readonly Ended[]): void {
  for (const { status, stderr } of ends) {
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /locked|busy/i);
  }
}

test('three commands at once never use more slots than the home has', async () => {
  using place = new Place();
  place.write('work.wasm', WORK);
  // Long enough that two of them overlap also where the system gives both the same processor by turns.
  const files = ['a', 'b', 'c'].map((name) => place.write(`${name}.yaml`, busy(name, 8, 100)));
  assertPeaceful(await Promise.all(files.map((file) => place.docket('run', file, '--slots', '2'))));
  const intervals = workIntervals(place.receipts());
  assert.equal(intervals.length, 24);
  const most = mostAtOnce(intervals);
  assert.equal(most, 2, 'guests at once on two slots');
  assert.deepEqual(place.leftovers(), []);
});

test('the same workflow in three commands at once gives three times the same', async () => {
  using place = new Place();
  const same = place.write('same.yaml', mixedWorkflow('same'));
  const ends = await Promise.all([1, 2, 3].map(() => place.docket('run', same, '--json')));
  assertPeaceful(ends);
  const reports = ends.map(({ stdout }) => JSON.parse(stdout) as Report);
  for (const { state, outputs } of reports) assert.deepEqual([state, outputs], ['completed', reports[0]!.outputs]);
  const ok = countBy(place.receipts(), ({ instruction, tag }) => `${instruction} ${tag}`);
  assert.equal(ok.size, SIZE);
  assert.deepEqual(place.leftovers(), []);
});

test('a short run gets a slot long before the run that holds them all ends', async () => {
  using place = new Place();
  place.write('work.wasm', WORK);
  const long = place.start('run', place.write('long.yaml', busy('long', 1000, 30)), '--slots', '2');
  await long.until(() => place.receipts().length > 0);
  const short = place.start('exec', 'work.wasm', '--grant', 'clock', '--', '30');
  await short.until(() => list(place.paths.locks).some((name) => name.startsWith('waiting-0-')));
  const waitedFrom = Date.now();
  assertPeaceful([await short.ended]);
  assert.equal(long.hasEnded, false, 'the long one goes on');
  await long.kill('SIGINT');

  const intervals = workIntervals(place.receipts());
  const labels = place.labels();
  const mine = intervals.find(({ instruction }) => labels.get(instruction) === 'exec');
  assert.ok(mine !== undefined);
  // A slot is kept for half a second at most while others wait, about 35 of these tasks. On a machine busy with other things more
  // of them begin before this process is given its turn; without sharing it would be nearly all thousand.
  const overtaken = intervals.filter(({ began }) => began >= waitedFrom && began < mine.began).length;
  assert.ok(overtaken <= 300, `${overtaken} tasks of the long run began while the short one waited`);
});

test('a short run gets a slot also if the long one that holds them all is of the same process', async () => {
  using place = new Place();
  place.write('work.wasm', WORK);
  place.write('long.json', busy('long', 1000, 30));
  place.write('short.json', busy('short', 2, 30));
  await using engine = await place.open();
  const stop = new AbortController();
  const begun = Promise.withResolvers<void>();
  const onEvent = ({ kind }: RunEvent): void => {
    if (kind === 'started') begun.resolve();
  };
  const long = place.runWith(engine, 'long.json', { signal: stop.signal, onEvent });
  await begun.promise;
  const short = await place.runWith(engine, 'short.json');
  stop.abort();
  assert.equal(short.state, 'completed');
  assert.equal((await long).state, 'cancelled', 'the long one went on');
});
