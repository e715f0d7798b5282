import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HandClock } from '../../hand-clock.ts';
import { endless, Hosting, offered, seconds } from './hosting.ts';

const OTHER_RUN = '01K00000000000000000000001';

suite('of coordinators a host hears:', () => {
  test('one of an earlier epoch is refused, and so is another of the same', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    await using late = hosting.coordinator('did:key:zLate');
    coordinator.offer([endless()], { epoch: 5 });
    await coordinator.state('running');
    late.offer([offered({ task: 1 })], { epoch: 4 });
    assert.match((await late.state('refused', 1)) ?? '', /epoch 5/);
    late.offer([offered({ task: 2 })], { epoch: 5 });
    await late.state('refused', 2);
    late.withdraw([{ task: 0, attempt: 1 }], { epoch: 4 });
    late.withdraw([{ task: 0, attempt: 1 }], { epoch: 5 });
    late.offer([offered({ task: 3 })], { epoch: 4 });
    await late.state('refused', 3);
    assert.deepEqual(hosting.host.held, { running: 1 }, 'what others say of it does not count');
  });

  test('nobody takes a run from who drives it by naming an epoch, and who did so before it came loses it', async () => {
    await using hosting = await Hosting.open({ slots: 1 });
    await using honest = hosting.coordinator();
    await using hostile = hosting.coordinator('did:key:zHostile');
    hosting.driver = { did: honest.mesh.self, revision: 7 };
    honest.offer([endless()], { epoch: 5 });
    await honest.state('running');
    for (const [task, epoch] of [Number.MAX_SAFE_INTEGER, 7, 5, 4].entries()) {
      hostile.offer([offered({ task })], { epoch });
      await hostile.state('refused', task);
      hostile.withdraw([{ task: 0, attempt: 1 }], { epoch });
    }
    honest.offer([offered({ task: 1 })], { epoch: 5 });
    await honest.state('waiting', 1);
    assert.deepEqual(hosting.host.held, { running: 1, waiting: 1 });

    // Of a run that is not known here anybody is believed until somebody else comes.
    hostile.offer([endless({ nnc: 'b' })], { run: OTHER_RUN, epoch: Number.MAX_SAFE_INTEGER });
    await hostile.state('waiting');
    honest.offer([endless({ task: 9, nnc: 'c' })], { run: OTHER_RUN, epoch: 6 });
    await honest.state('waiting', 9);
    hostile.offer([endless({ task: 8, nnc: 'd' })], { run: OTHER_RUN, epoch: Number.MAX_SAFE_INTEGER });
    await hostile.state('refused', 8);
  });

  test('nothing comes of an offer that contradicts what is known while nobody can say who is right', async () => {
    await using hosting = await Hosting.open({ slots: 1 });
    await using known = hosting.coordinator();
    await using other = hosting.coordinator('did:key:zOther');
    known.offer([endless()], { epoch: 5 });
    await known.state('running');
    hosting.driver = undefined;
    other.offer([offered({ task: 1 })], { epoch: 6 });
    known.offer([offered({ task: 2 })], { epoch: 5 });
    await known.state('waiting', 2);
    assert.deepEqual(other.heard, []);
    hosting.driver = { did: other.mesh.self, revision: 6 };
    other.offer([offered({ task: 1 })], { epoch: 6 });
    await other.state('waiting', 1);
  });

  test('a later epoch takes over what is held, and hears of it', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    await using next = hosting.coordinator('did:key:zNext');
    coordinator.offer([offered({ func: 'fib', args: [30] }), offered({ task: 1, func: 'fib', args: [31] })]);
    await coordinator.state('running');
    hosting.driver = { did: next.mesh.self, revision: 2 };
    next.offer([offered({ attempt: 2, func: 'fib', args: [30] })], { epoch: 2 });
    assert.ok((await next.end(0, 2)).end.receipt.length > 0);
    assert.equal((await next.end(1, 1)).receipt.out[0], 'ok', 'what the first one began is told to the second');
    assert.equal(hosting.place.receipts().length, 2, 'and nothing was done twice');
    next.received([{ task: 1, attempt: 1 }], { epoch: 2 });
  });

  test('a later epoch may use a name again that an earlier one used', async () => {
    await using hosting = await Hosting.open({ slots: 2 });
    await using coordinator = hosting.coordinator();
    await using next = hosting.coordinator('did:key:zNext');
    coordinator.offer([offered(), endless({ task: 1 })]);
    await coordinator.end();
    coordinator.received([{ task: 0, attempt: 1 }]);
    coordinator.offer([offered()]);
    await coordinator.state('overload');
    hosting.driver = { did: next.mesh.self, revision: 2 };
    // Whoever has no rows of the run counts attempts anew.
    next.offer([offered({ isForced: true })], { epoch: 2 });
    assert.deepEqual((await next.end()).receipt.out, ['ok', 3]);
    assert.deepEqual(
      next.said().filter(({ state }) => state === 'overload'),
      [],
    );
  });

  test('one that is gone for long leaves what runs to be filed, and nothing waiting', async () => {
    const clock = new HandClock();
    await using hosting = await Hosting.open({ clock });
    await using coordinator = hosting.coordinator();
    const wall = 2 ** 20;
    // The slot process has its own patience for starting, by the same clock.
    coordinator.offer([offered({ task: 9 })]);
    await coordinator.end(9);
    coordinator.received([{ task: 9, attempt: 1 }]);
    coordinator.offer([endless({ meta: { time: wall } })]);
    await coordinator.state('running');
    coordinator.offer([offered({ task: 1, args: [5, 6] })]);
    await coordinator.state('waiting', 1);
    hosting.gone.add(coordinator.mesh.self);
    await seconds(clock, 29);
    assert.deepEqual(hosting.host.held, { running: 1, waiting: 1 }, 'it may come back');
    await seconds(clock, 3);
    assert.deepEqual(hosting.host.held, { running: 1 });
    await seconds(clock, wall / 1000);
    await until(() => hosting.place.receipts().length === 2);
    await until(() => {
      clock.advance(1_000);
      return !hosting.host.isBusy;
    });
    assert.equal(hosting.place.receipts()[1]?.code, 'limit/time');
    assert.ok(coordinator.ends().length <= 1, 'it is not told again and again');
  });

  test('an end is told again until it is received, and not for ever', async () => {
    const clock = new HandClock();
    await using hosting = await Hosting.open({ clock });
    await using coordinator = hosting.coordinator();
    coordinator.offer([offered(), offered({ task: 1, args: [3, 4] })]);
    await until(() => {
      clock.advance(25);
      return hosting.host.held.ended === 2;
    });
    const heard = (task: number): number => coordinator.ends(task).length;
    await seconds(clock, 3);
    assert.ok(heard(0) >= 3, `told ${heard(0)} times`);
    coordinator.received([{ task: 0, attempt: 1 }]);
    await seconds(clock, 1);
    const before = heard(0);
    await seconds(clock, 5);
    assert.equal(heard(0), before);
    assert.ok(coordinator.said(1).every(({ state }) => state !== 'overload' && state !== 'refused'));
    await seconds(clock, 310);
    assert.equal(hosting.host.isBusy, false);
    await seconds(clock, 10);
    assert.equal(clock.timers.size, 0, 'nothing is told any more of a drive for which nothing is held');
  });
});

/** Looks until it is so; what stands between a test and waiting for ever is the test's own patience. */
async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
