import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import { ToldWaits } from '../../../src/agent/trust/told-waits.ts';
import { HandClock } from '../../hand-clock.ts';

/** Waits for a mesh that was told of so many rows. */
class Lab {
  readonly clock = new HandClock();
  readonly over: string[] = [];
  told = 0;
  readonly waits = new ToldWaits({ clock: this.clock, isTold: ({ resolved }) => resolved <= this.told });

  kept(name: string, resolved: number): void {
    void this.waits.kept({ resolved, declared: 0 }, 10_000).then(() => this.over.push(name));
  }

  async take(told: number): Promise<void> {
    this.told = told;
    this.waits.moved();
    await nextTurn();
  }

  async pass(seconds: number): Promise<void> {
    this.clock.advance(seconds * 1_000);
    await nextTurn();
  }
}

test('a mesh that is slow and takes something is waited for as long as it does', async () => {
  const lab = new Lab();
  lab.kept('all', 30);
  lab.kept('some', 10);
  await lab.pass(9);
  await lab.take(10);
  assert.deepEqual(lab.over, ['some']);
  await lab.pass(9);
  await lab.take(20);
  await lab.pass(9);
  assert.deepEqual(lab.over, ['some'], '27 seconds from the beginning');
  await lab.take(30);
  assert.deepEqual(lab.over, ['some', 'all']);
});

test('one that takes nothing is waited for once, and anew when its link is up again', async () => {
  const lab = new Lab();
  lab.waits.stuck();
  await lab.pass(3_600);
  lab.kept('in an outage', 1);
  await lab.pass(0);
  assert.deepEqual(lab.over, ['in an outage']);
  lab.waits.moved();
  lab.kept('after it', 1);
  await lab.pass(9);
  assert.deepEqual(lab.over, ['in an outage']);
  await lab.pass(2);
  assert.deepEqual(lab.over, ['in an outage', 'after it']);
});

test('nobody waits for one that is left', async () => {
  const lab = new Lab();
  lab.kept('one', 1);
  lab.waits.letGo();
  await lab.pass(0);
  assert.deepEqual(lab.over, ['one']);
});
