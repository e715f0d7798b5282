import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as Seat from '../../../src/scheduler/delegation/seat.ts';
import { beatOf, viewOf } from './sim.ts';

describe('a seat', () => {
  const view = viewOf('m', { slots: 4 });
  const running = { isKnown: true, isRunning: true, isLined: false };

  it('has place behind short tasks that have a slot each, of which the member says that they are used', () => {
    const seat = Seat.seatOf(beatOf(view, 1));
    const load = { units: Seat.SLOT / 4, memory: 0, slots: 1 };
    for (let i = 0; i < 4; i++) Seat.take(seat, load, running);
    Seat.hear(seat, beatOf(view, 2, { free: 0 }));
    assert.equal(Seat.freeUnits(seat), 3 * Seat.SLOT);
    for (let i = 0; i < 4; i++) Seat.give(seat, load, running);
    assert.equal(Seat.freeUnits(seat), 4 * Seat.SLOT);
  });

  it('has none where others use what is used', () => {
    const seat = Seat.seatOf(beatOf(view, 1, { free: 1 }));
    Seat.take(seat, { units: Seat.SLOT, memory: 0, slots: 1 }, running);
    Seat.hear(seat, beatOf(view, 2, { free: 0 }));
    assert.equal(Seat.freeUnits(seat), 0);
  });
});
