import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { Lock } from '../../src/ledger/locks.ts';
import { Slots } from '../../src/ledger/slots.ts';
import { HandClock } from '../hand-clock.ts';
import { assertExclusive, Child, Folder } from './helpers.ts';

const never = new AbortController().signal;
/** A run. */
const NOBODY = {};
const marks = (folder: Folder): string[] => readdirSync(folder.path).filter((name) => name.startsWith('waiting-'));

test('slots are numbered, and no two have the same', async () => {
  using folder = new Folder();
  const clock = new HandClock();
  const [one, other] = [new Slots(folder.path, 3, clock), new Slots(folder.path, 3, clock)];
  const held = [await one.acquire(never, one), await other.acquire(never, other), await one.acquire(never, one)];
  assert.deepEqual(
    held.map(({ index }) => index),
    [0, 1, 2],
  );
  assert.deepEqual([one.held, other.held], [2, 1]);
  held[1]!.release();
  held[1]!.release();
  assert.equal((await one.acquire(never, one)).index, 1);
  assert.equal(clock.timers.size, 0);
});

test('who finds none waits, and gets the next that is free, in turn', async () => {
  using folder = new Folder();
  const clock = new HandClock();
  const [one, other] = [new Slots(folder.path, 1, clock), new Slots(folder.path, 1, clock)];
  const slot = await one.acquire(never, one);
  const order: string[] = [];
  const first = other.acquire(never, other).then((got) => (order.push('first'), got));
  const second = other.acquire(never, other).then((got) => (order.push('second'), got));
  await clock.tick();
  assert.deepEqual(order, []);
  slot.release();
  await clock.tick();
  assert.deepEqual(order, ['first']);
  (await first).release();
  await clock.tick();
  assert.deepEqual(order, ['first', 'second']);
  (await second).release();
  assert.deepEqual([marks(folder), clock.timers.size], [[], 0]);
});

test('waiting ends when aborted, and the slot goes to others', async () => {
  using folder = new Folder();
  const clock = new HandClock();
  const [one, other] = [new Slots(folder.path, 1, clock), new Slots(folder.path, 1, clock)];
  const slot = await one.acquire(never, one);
  const abort = new AbortController();
  const given = other.acquire(abort.signal, other);
  const kept = other.acquire(never, other);
  abort.abort(new Error('enough'));
  await assert.rejects(given, /enough/);
  assert.equal(marks(folder).length, 1, 'one still waits');
  slot.release();
  await clock.tick();
  assert.equal((await kept).index, 0);
  await assert.rejects(other.acquire(AbortSignal.abort(new Error('never mind')), other), /never mind/);
});

test('holders learn that others wait, if giving way is fair', async () => {
  using folder = new Folder();
  const clock = new HandClock();
  const [rich, poor] = [new Slots(folder.path, 4, clock), new Slots(folder.path, 4, clock)];
  const held = [];
  for (let i = 0; i < 4; i++) held.push(await rich.acquire(never, rich));
  assert.equal(rich.othersWait(), false);
  const stop = new AbortController();
  const wanted = [0, 1, 2].map(() => poor.acquire(stop.signal, poor));
  assert.equal(rich.othersWait(), false, 'a no is believed for a while');
  clock.advance(20);
  assert.deepEqual([rich.othersWait(), poor.othersWait()], [true, false], "one's own waiting does not count");
  held.pop()!.release();
  await clock.tick();
  assert.deepEqual([rich.held, poor.held, rich.othersWait()], [3, 1, true]);
  held.pop()!.release();
  await clock.tick();
  assert.deepEqual([rich.held, poor.held, rich.othersWait()], [2, 2, false], 'both have their share');
  stop.abort();
  await Promise.allSettled(wanted);
  assert.deepEqual(marks(folder), []);
});

test('among the runs of a process who holds fewest is next, and the others learn that it waits', async () => {
  using folder = new Folder();
  const slots = new Slots(folder.path, 3, new HandClock());
  const [rich, richToo, poor] = [{}, {}, {}];
  const held = [await slots.acquire(never, rich), await slots.acquire(never, rich), await slots.acquire(never, richToo)];
  const order: string[] = [];
  const second = slots.acquire(never, richToo).then(() => order.push('rich'));
  assert.deepEqual(
    held.map((slot) => slot.isWantedHere()),
    [false, false, false],
    'one more than others is no wealth',
  );
  const first = slots.acquire(never, poor).then(() => order.push('poor'));
  assert.deepEqual(
    held.map((slot) => slot.isWantedHere()),
    [true, true, true],
  );
  held[0]!.release();
  await first;
  held[1]!.release();
  await second;
  assert.deepEqual(order, ['poor', 'rich']);
  assert.deepEqual([slots.held, marks(folder)], [3, []]);
});

test('slots that come free at once go to as many runs', async () => {
  using folder = new Folder();
  const slots = new Slots(folder.path, 2, new HandClock());
  const held = [await slots.acquire(never, {}), await slots.acquire(never, {})];
  const [one, other] = [{}, {}];
  const got: string[] = [];
  const asked = [one, one, other, other].map((run) => slots.acquire(never, run).then(() => got.push(run === one ? 'one' : 'other')));
  for (const slot of held) slot.release();
  await Promise.race(asked.slice(2));
  assert.deepEqual(got, ['one', 'other']);
});

test('who cannot ask whether others wait keeps what it has, and gives it back in order', async () => {
  using folder = new Folder();
  const slots = new Slots(folder.path, 1, new HandClock());
  const slot = await slots.acquire(never, {});
  const waiting = slots.acquire(never, {});
  rmSync(folder.path, { recursive: true });
  assert.equal(slot.isWantedElsewhere(), false);
  slot.release();
  await waiting;
});

test('the last slot is given up for one who has none', async () => {
  using folder = new Folder();
  const clock = new HandClock();
  const [one, other] = [new Slots(folder.path, 1, clock), new Slots(folder.path, 1, clock)];
  await one.acquire(never, one);
  const stop = new AbortController();
  const waiting = other.acquire(stop.signal, other);
  assert.equal(one.othersWait(), true);
  stop.abort();
  await assert.rejects(waiting);
  assert.equal(one.othersWait(), false);
});

test('marks of killed waiters do not count and are cleaned away', async () => {
  using folder = new Folder();
  const slots = new Slots(folder.path, 1, new HandClock());
  await slots.acquire(never, slots);
  const mark = folder.at('waiting-0-somebody');
  await using waiter = new Child('hold-lock.ts', mark);
  await waiter.expect('held');
  assert.equal(slots.othersWait(), true);
  await waiter.kill();
  assert.equal(slots.othersWait(), false);
  assert.deepEqual(marks(folder), []);
});

test('the slot of a killed process is free', async () => {
  using folder = new Folder();
  const clock = new HandClock();
  await using holder = new Child('hold-lock.ts', folder.at('slot-0'));
  await holder.expect('held');
  const waiting = new Slots(folder.path, 1, clock).acquire(never, NOBODY);
  await clock.tick();
  assert.equal(marks(folder).length, 1);
  await holder.kill();
  await clock.tick();
  assert.equal((await waiting).index, 0);
});

test(
  'a holder that stands still is stood in for until it goes on',
  { skip: !existsSync('/proc/locks') && 'there is no /proc' },
  async () => {
    using folder = new Folder();
    const clock = new HandClock();
    await using holder = new Child('hold-lock.ts', folder.at('slot-0'));
    await holder.expect('held');
    const slots = new Slots(folder.path, 1, clock);
    const waiting = slots.acquire(never, slots);
    clock.advance(10_000);
    await clock.tick();
    assert.equal(slots.held, 0, 'the holder is at work');
    await holder.suspend();
    clock.advance(10_000);
    await clock.tick();
    const stand = await waiting;
    assert.deepEqual([stand.index, stand.isWantedElsewhere()], [0, false]);
    const other = new Slots(folder.path, 1, clock).acquire(never, NOBODY);
    clock.advance(10_000);
    assert.equal(stand.isWantedElsewhere(), true, 'there is one stand-in for a slot');
    stand.release();
    clock.advance(10_000);
    const next = await other;
    assert.equal(next.isWantedElsewhere(), false);
    await holder.goOn();
    assert.equal(next.isWantedElsewhere(), true);
    next.release();
    await holder.kill();
  },
);

test('a waiter that stands still is not given way to', { skip: !existsSync('/proc/locks') && 'there is no /proc' }, async () => {
  using folder = new Folder();
  const slots = new Slots(folder.path, 1, new HandClock());
  const held = await slots.acquire(never, slots);
  await using waiter = new Child('hold-lock.ts', folder.at('waiting-0-somebody'));
  await waiter.expect('held');
  assert.equal(held.isWantedElsewhere(), true);
  await waiter.suspend();
  assert.equal(held.isWantedElsewhere(), false);
});

test('processes that share slots never have one together, and all get their turns', async () => {
  using folder = new Folder();
  const journal = folder.at('journal');
  {
    await using stack = new AsyncDisposableStack();
    const children = ['a', 'b', 'c', 'd'].map((name) => stack.use(new Child('contend.ts', 'slots', folder.path, journal, name, '40')));
    for (const child of children) assert.equal(await child.status(), 0);
  }
  assert.deepEqual([...assertExclusive(readFileSync(journal, 'utf8'))].toSorted(), ['a', 'b', 'c', 'd']);
  assert.deepEqual(marks(folder), []);
  for (const index of [0, 1]) assert.equal(Lock.isHeld(folder.at(`slot-${index}`)), false);
});

test('a holder with more weight is to have more slots, and one that gathers them is served first and gives none away', async () => {
  using folder = new Folder();
  const clock = new HandClock();
  const slots = new Slots(folder.path, 4, clock);
  const heavy = { weight: 3, isGathering: false };
  const light = { weight: 1, isGathering: false };
  const held = await Promise.all([light, light, light, light].map((holder) => slots.acquire(never, holder)));
  const wanted = [slots.acquire(never, heavy), slots.acquire(never, heavy), slots.acquire(never, heavy)];
  const shares: boolean[] = [];
  for (const each of held) {
    shares.push(each.isWantedHere());
    if (shares.at(-1) === true) each.release();
    await clock.tick();
  }
  assert.deepEqual(shares, [true, true, true, false], 'three of four');
  const three = await Promise.all(wanted);
  const other = slots.acquire(never, light);
  await clock.tick();
  assert.equal(three[0]!.isWantedHere(), false, 'both have what they are to have');
  light.isGathering = true;
  assert.equal(three[0]!.isWantedHere(), true, 'until one of them needs several at a time');
  three[0]!.release();
  (await other).release();
  for (const each of [...three, ...held]) each.release();
});
