import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import type { Engine } from '../../src/agent/engine.ts';
import { planOf } from '../../src/agent/plan-of.ts';
import { runTold } from '../../src/agent/run-told.ts';
import { EventLog } from '../../src/base/event-log.ts';
import type { RunTold, TaskReceipt } from '../../src/protocol/run-told.ts';
import { GUESTS, Place } from './helpers.ts';

/** What the receipts of a run tell, while it goes on and afterwards. */

before(() => buildGuests());

const NUMERIC = join(GUESTS, 'numeric.wasm');
const SIGNAL = new AbortController().signal;

const chain = (length: number): string =>
  JSON.stringify({
    docket: 1,
    tasks: Object.fromEntries(
      Array.from({ length }, (_, i) => [`t${i}`, { module: NUMERIC, func: 'add', args: [i === 0 ? 1 : { from: `t${i - 1}` }, i] }]),
    ),
  });

const FAILING = JSON.stringify({
  docket: 1,
  tasks: {
    bad: { module: NUMERIC, func: 'unreachable', retry: { attempts: 3, backoff: '1ms', 'on-failure': true } },
    behind: { module: NUMERIC, func: 'add', args: [{ from: 'bad' }, 1] },
    fine: { module: NUMERIC, func: 'add', args: [1, 2] },
  },
});

interface Ran {
  readonly run: string;
  readonly log: EventLog;
  /** Those that were told to have ended. */
  readonly tasks: ReadonlySet<number>;
}

async function ranOn(engine: Engine, place: Place, text: string, log = new EventLog()): Promise<Ran> {
  place.write('w.json', text);
  const tasks = new Set<number>();
  let run = '';
  await place.runWith(engine, 'w.json', {
    onRun: (id) => void (run = id),
    onEvent(event) {
      if (event.kind !== 'settled') return;
      const { label, attempts } = engine.ledger.runTask(run, event.task)!;
      assert.equal(attempts, label === 'bad' ? 3 : attempts, 'the last attempt is committed when it is told');
      tasks.add(event.task);
      log.add('settled', { task: event.task });
    },
  });
  log.close();
  return { run, log, tasks };
}

async function toldOf(engine: Engine, { run, log }: Ran, { live = true } = {}): Promise<RunTold[]> {
  const plan = await planOf(engine, run);
  return await Array.fromAsync(runTold(engine, { live: () => (live ? { plan, log } : undefined) }, run, SIGNAL));
}

const shortly = (told: readonly RunTold[]): string[] =>
  told.map((one) => {
    if (one.kind === 'ended') return one.state;
    return one.kind === 'receipt'
      ? `${one.label} ${one.content.out[0]}${one.isFound ? ' found' : ''}`
      : `${one.label} ${one.state} ${one.cause}`;
  });

test('each task is told once, when its last attempt is committed, live or afterwards', async () => {
  using place = new Place();
  await using engine = await place.open();
  const ran = await ranOn(engine, place, FAILING);
  assert.equal(ran.tasks.size, 3);
  const live = await toldOf(engine, ran);
  assert.deepEqual(shortly(live).toSorted(), ['bad error', 'behind skipped bad', 'failed', 'fine ok']);
  assert.equal(shortly(live).at(-1), 'failed');
  const bad = live.find((one): one is TaskReceipt => one.kind === 'receipt' && one.label === 'bad')!;
  assert.equal(bad.content.meta.attempt, 3);
  assert.deepEqual(shortly(await toldOf(engine, ran, { live: false })).toSorted(), shortly(live).toSorted());
});

test('what nobody looked at, since what awaits it was found, is told as found, and before that', async () => {
  using place = new Place();
  await using engine = await place.open();
  await ranOn(engine, place, chain(5));
  const again = await ranOn(engine, place, chain(5));
  assert.ok(again.tasks.size < 5, 'they are not looked at');
  const found = [0, 1, 2, 3, 4].map((i) => `t${i} ok found`);
  assert.deepEqual(shortly(await toldOf(engine, again)), [...found, 'completed']);
  const longer = await ranOn(engine, place, chain(7));
  assert.deepEqual(shortly(await toldOf(engine, longer)), [...found, 't5 ok', 't6 ok', 'completed']);
});

test('a reader for whom events were forgotten is told all the same, from the rows', async () => {
  using place = new Place();
  await using engine = await place.open();
  const ran = await ranOn(engine, place, chain(40));
  const forgetful = new EventLog({ kept: 1 });
  for (const task of ran.tasks) forgetful.add('settled', { task });
  forgetful.close();
  const told = shortly(await toldOf(engine, { ...ran, log: forgetful }));
  assert.deepEqual(told, [...Array.from({ length: 40 }, (_, i) => `t${i} ok`), 'completed']);
});

test('receipts that are damaged are said to be', async () => {
  using place = new Place();
  await using engine = await place.open();
  const ran = await ranOn(engine, place, chain(1));
  place.tamper('UPDATE receipts SET bytes = zeroblob(300)');
  assert.deepEqual(shortly(await toldOf(engine, ran)), ['t0 unreadable null', 'completed']);
});

test('following ends with its signal', async () => {
  using place = new Place();
  await using engine = await place.open();
  const ran = await ranOn(engine, place, chain(1));
  const plan = await planOf(engine, ran.run);
  const stop = new AbortController();
  const told = runTold(engine, { live: () => ({ plan, log: new EventLog() }) }, ran.run, stop.signal);
  const next = told.next();
  stop.abort(new Error('enough'));
  await assert.rejects(next, /enough/);
});

test('receipts are read in turn, and a turn ends when more is asked for', async () => {
  using place = new Place();
  await using engine = await place.open();
  const { run } = await ranOn(engine, place, chain(5));
  const held = { now: 0, all: 0 };
  const turn = async (): Promise<Disposable> => {
    assert.equal(held.now++, 0, 'two at once');
    held.all++;
    return { [Symbol.dispose]: () => void held.now-- };
  };
  for await (const { kind } of runTold(engine, { live: () => undefined }, run, SIGNAL, turn))
    assert.equal(held.now, kind === 'receipt' ? 1 : 0);
  assert.deepEqual(held, { now: 0, all: 5 });
});
