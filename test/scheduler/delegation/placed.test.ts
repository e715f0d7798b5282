import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HeldState } from '../../../src/protocol/mesh/work.ts';
import { MemberTable } from '../../../src/scheduler/delegation/member-table.ts';
import * as Placed from '../../../src/scheduler/delegation/placed.ts';
import { SLOT } from '../../../src/scheduler/delegation/seat.ts';
import { beatOf, viewOf, wantedOf } from './sim.ts';

/** A task that may run for a second, at a member that says every second what `stateAt` gives; when and why it is given up. */
function givenUp(stateAt: (second: number) => HeldState, most: number): { readonly because: string; readonly after: number } | undefined {
  const table = new MemberTable();
  table.hear(beatOf(viewOf('m', { slots: 1 }), 1));
  const seat = table.seat('m')!;
  const drive = Placed.driveOf(table);
  const load = { units: SLOT, memory: 0, slots: 1 };
  table.take(seat, load, Placed.inFlight(false));
  Placed.place(drive, { task: 0, attempt: 1, seat, kind: wantedOf(0).kind, load, depth: 1, time: 1_000, isLined: false }, 0);
  for (let second = 1; second <= most; second++) {
    const now = second * 1_000;
    const heard = Placed.heardStates(drive, 'm', { isAll: true, tasks: [{ task: 0, attempt: 1, state: stateAt(second) }] }, now);
    const effects = [...heard, ...Placed.tick(drive, now, () => false)];
    const away = effects.find(({ kind }) => kind === 'away');
    if (away?.kind !== 'away') continue;
    assert.deepEqual([seat.units, seat.tasks, seat.known, seat.occupied], [0, 0, 0, 0], 'all it took is given back');
    return { because: away.because, after: second };
  }
  return undefined;
}

describe('a task at a member', () => {
  const day = 24 * 60 * 60;
  for (const [said, stateAt, because] of [
    ['fetched and run in turn', (second: number) => (second % 2 === 0 ? 'fetching' : 'running'), 'stuck'],
    ['fetched and let wait in turn', (second: number) => (second % 2 === 0 ? 'fetching' : 'waiting'), 'slow'],
    ['run and let wait in turn', (second: number) => (second % 2 === 0 ? 'running' : 'waiting'), 'stuck'],
  ] as const)
    it(`that is said to be ${said} is given up`, () => {
      assert.equal(givenUp(stateAt, day)?.because, because);
    });

  it('leaves at once when it was fetched only to find no room, and not for what is late of what has begun', () => {
    assert.deepEqual(
      givenUp((second) => (second < 3 ? 'fetching' : 'overload'), 60),
      { because: 'overload', after: 3 },
    );
    assert.deepEqual(
      givenUp((second) => (second === 3 ? 'overload' : 'running'), 60),
      { because: 'stuck', after: 12 },
    );
  });

  it('may be begun anew when what it waited for gave nothing, and has its whole time then', () => {
    // Of 11 s that are allowed, with what a member may be late by.
    const begunTwice = (second: number): HeldState => (second === 10 ? 'waiting' : 'running');
    assert.deepEqual(givenUp(begunTwice, 60), { because: 'stuck', after: 22 });
  });

  it('that waits while nobody else is free stays, however long', () => {
    assert.equal(
      givenUp(() => 'waiting', day),
      undefined,
    );
  });
});
