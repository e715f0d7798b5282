import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { Child } from '../ledger/helpers.ts';
import { countBy, type Docket, type Ended, GUESTS, Place, type Report, slotsOf } from './helpers.ts';
import { mixedWorkflow, SIZE } from './mixed-workflow.ts';

/** Commands on one home that want the same work: what one of them does the others wait for. */

before(() => buildGuests());

/** One task, `only`, of a module that needs nothing. */
function single(module: string, limits: Readonly<Record<string, string>> = {}): string {
  return JSON.stringify({ tasks: { only: { module: join(GUESTS, module), limits } } });
}

function reportOf({ stdout }: Ended): Report {
  return JSON.parse(stdout) as Report;
}

/** How many guests ran, by the receipts, which each attempt leaves. */
function assertEachRanOnce(place: Place, size: number): void {
  const ran = countBy(place.receipts(), ({ instruction, tag }) => `${instruction} ${tag}`);
  assert.deepEqual(
    [...ran.values()],
    Array.from({ length: size }, () => 1),
  );
}

const RECORD = 32;

/** Claims and releases so far. */
function records(place: Place): number {
  return (statSync(join(place.paths.locks, 'claims'), { throwIfNoEntry: false })?.size ?? 0) / RECORD;
}

/** Another command claimed first what `docket` wants; it has seen that and taken its own claim back. */
function untilItWaits(place: Place, docket: Docket): Promise<boolean> {
  return docket.until(() => records(place) >= 3);
}

/** The key under which the one task of a workflow is claimed, in hex. */
async function keyOf(file: string): Promise<string> {
  using place = new Place();
  await place.docket('run', file, '--json');
  const [row] = place.query('SELECT key FROM run_tasks');
  return Buffer.from(row![0] as Uint8Array).toString('hex');
}

test('two commands that start together run each task once, and so do three', async () => {
  for (const count of [2, 3]) {
    using place = new Place();
    const file = place.write('same.yaml', mixedWorkflow('same'));
    const ends = await Promise.all(Array.from({ length: count }, () => place.docket('run', file, '--json')));
    const reports = ends.map(reportOf);
    for (const { state, outputs } of reports) assert.deepEqual([state, outputs], ['completed', reports[0]!.outputs]);
    assert.equal(
      reports.reduce((sum, { tasks }) => sum + tasks.ran, 0),
      SIZE,
    );
    assertEachRanOnce(place, SIZE);
    assert.deepEqual(place.leftovers(), []);
  }
});

test('an exec, another and a run that want the same share it', async () => {
  using place = new Place();
  const module = join(GUESTS, 'count-words.wasm');
  place.write('text', 'one two two');
  const file = place.write('same.yaml', JSON.stringify({ tasks: { count: { module, stdin: { file: 'text' } } } }));
  const exec = (): Promise<Ended> => place.docket('exec', module, '--stdin', 'text');
  const [one, other, run] = await Promise.all([exec(), exec(), place.docket('run', file, '--json')]);
  assert.deepEqual([one.status, one.stdout, other.stdout], [0, 'one\t1\ntwo\t2\n', one.stdout], one.stderr);
  assert.equal(reportOf(run).state, 'completed');
  assertEachRanOnce(place, 1);
});

test('a run that is resumed shares what is left with one that starts', async () => {
  using place = new Place();
  let [file, left] = ['', 0];
  // One that had ended before it was stopped leaves nothing to share.
  for (let begun = 0; left === 0; begun++) {
    file = place.write('mixed.yaml', mixedWorkflow(`resumed-${begun}`));
    const earlier = place.receipts().length;
    const first = place.start('run', file);
    await first.until(() => place.receipts().length >= earlier + 10);
    await first.kill('SIGINT');
    left = SIZE * (begun + 1) - place.receipts().filter(({ tag }) => tag === 'ok').length;
  }
  const { run } = place.runs().at(-1)!;
  const ends = await Promise.all([place.docket('resume', run, '--json'), place.docket('run', file, '--json')]);
  const reports = ends.map(reportOf);
  assert.deepEqual(
    reports.map(({ state }) => state),
    ['completed', 'completed'],
  );
  assert.equal(
    reports.reduce((sum, { tasks }) => sum + tasks.ran, 0),
    left,
  );
});

test('who waits for a command that is killed does its work', async () => {
  using place = new Place();
  const file = place.write('endless.yaml', single('loop.wasm', { time: '10min' }));
  const holder = place.start('run', file);
  await holder.until(() => records(place) >= 1);
  const waiter = place.start('run', file);
  await untilItWaits(place, waiter);
  assert.deepEqual(slotsOf(waiter), [], 'it has nothing to run');
  const slots = [...place.slots(), ...slotsOf(holder)];
  await holder.kill('SIGKILL');
  await waiter.until(() => place.journals().size === 2 && [...place.journals().values()].every((lines) => lines.length === 1));
  assert.equal((await waiter.kill('SIGINT')).status, 130);
  await place.slotsGone(slots);
  assert.deepEqual((await place.docket('runs')).status, 0);
  assert.deepEqual(place.leftovers(), []);
});

test(
  'a command that stands still keeps nobody from its work or its slots',
  { skip: !existsSync('/proc/locks') && 'there is no /proc' },
  async () => {
    using place = new Place();
    const file = place.write('endless.yaml', single('loop.wasm', { time: '10min' }));
    const frozen = place.start('run', file, '--slots', '1');
    await frozen.until(() => [...place.journals().values()].some((lines) => lines.length > 0));
    process.kill(frozen.child.pid!, 'SIGSTOP');
    const waiter = place.start('run', file, '--slots', '1');
    await waiter.until(() => [...place.journals().values()].filter((lines) => lines.length > 0).length === 2);
    assert.equal((await waiter.kill('SIGINT')).status, 130);
    process.kill(frozen.child.pid!, 'SIGCONT');
    assert.equal((await frozen.kill('SIGINT')).status, 130);
    assert.deepEqual(place.leftovers(), []);
  },
);

test('who waits takes the result of who was faster, and waits for nobody once stopped', async () => {
  using place = new Place();
  const file = place.write('quick.yaml', single('noop.wasm'));
  const key = await keyOf(file);
  await place.docket('runs');
  await using holder = new Child('claim.ts', place.paths.locks, key);
  await holder.expect('ours');
  const stopped = place.start('run', file);
  await untilItWaits(place, stopped);
  const { status, stderr } = await stopped.kill('SIGINT');
  assert.deepEqual([status, /1 cancelled/.test(stderr)], [130, true], stderr);

  const cancelled = place.start('run', file);
  await cancelled.until(() => records(place) >= 5);
  assert.equal((await place.docket('cancel', 'last')).status, 0);
  assert.equal((await cancelled.ended).status, 130);

  const waiter = place.start('run', file, '--json');
  await waiter.until(() => records(place) >= 7);
  assert.equal((await place.run(file, '--force')).tasks.ran, 1, 'who is told to run it does');
  holder.say('drop');
  await holder.expect('dropped');
  assert.deepEqual((await waiter.report()).tasks, { total: 1, ran: 0, cached: 1, failed: 0, skipped: 0, cancelled: 0 });
});
