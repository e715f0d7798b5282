import type { Beat, MemberView } from '../../protocol/mesh/member.ts';

/**
 * What one coordinator knows of one member's slots, and has placed there. Pure: these functions change the seat they are given, and nothing else.
 *
 * Slots are counted in units, so that short tasks which share the line of a slot take a whole number of them.
 *
 * Invariants
 * S1. `units` is the sum of what is placed there, in flight or heard of, lines aside; it never exceeds what the member's slots are.
 * S2. What is free there is what nobody used when it was heard last, and what of ours was counted among the used then, less what is placed there now. So a task in
 *     flight counts from the moment it is offered, and what ended leaves its place at once, without waiting for a beat. Of short tasks in one line each may have a slot to
 *     itself, and counts as if it had: were too few slots counted as ours, no beat would ever say otherwise, while of too many the surplus waits there and is moved.
 * S3. Whatever was placed is given back exactly once: in the end `units`, `tasks`, `memory` and `lined` are 0.
 */

/** Units of a slot: divisible by every number to 12. */
export const SLOT = 27_720;

export interface Seat {
  readonly did: string;
  view: MemberView;
  seq: number;
  /** Slots nobody used, as heard last. */
  free: number;
  /** Tasks it would take in, as heard last. */
  room: number;
  /** Tasks of others that waited there, as heard last. */
  waiting: number;
  /** Of the slots that were used then, those that were ours. */
  counted: number;
  /** Of the tasks it held then, those that were ours. */
  countedTasks: number;
  /** What is placed there. */
  units: number;
  tasks: number;
  memory: number;
  /** Tasks that wait there on purpose, for what they need lies there. */
  lined: number;
  /** Slots that what is placed there takes, as it was heard. */
  occupied: number;
  /** Tasks placed there that it was heard of. */
  known: number;
  /** Nothing is placed there before, in monotonic ms. */
  suspendedUntil: number;
  /** How often in a row it was suspended. */
  strikes: number;
  /** What it was found to be at fault in since it did something, the last time, and how often. */
  fault: (Fault & { readonly times: number }) | undefined;
}

/** Why a member is suspended. */
export interface Fault {
  /** For people: `it …`. */
  readonly why: string;
  /** It may be no more than busy. */
  readonly isLoad: boolean;
}

/** Faults in a row after which nothing is expected of a member as long as it is suspended: one message may be lost, or late. */
const MANY = 3;

/** What a task takes of a seat. */
export interface Load {
  readonly units: number;
  readonly memory: number;
  /** Slots it takes as long as it runs. */
  readonly slots: number;
}

/** How a load is there: in flight or heard of, in line or not. Decides what it is counted as. */
export interface Stand {
  readonly isKnown: boolean;
  readonly isRunning: boolean;
  readonly isLined: boolean;
}

export function seatOf(beat: Beat): Seat {
  const seat: Seat = {
    did: beat.view.did,
    view: beat.view,
    seq: -1,
    free: 0,
    room: 0,
    waiting: 0,
    counted: 0,
    countedTasks: 0,
    units: 0,
    tasks: 0,
    memory: 0,
    lined: 0,
    occupied: 0,
    known: 0,
    suspendedUntil: Number.NEGATIVE_INFINITY,
    strikes: 0,
    fault: undefined,
  };
  hear(seat, beat);
  return seat;
}

/** What it says of itself now. */
export function hear(seat: Seat, { view, seq, free, room, waiting }: Beat): void {
  seat.view = view;
  seat.seq = seq;
  seat.free = Math.min(free, view.slots);
  seat.room = room;
  seat.waiting = waiting;
  seat.counted = Math.min(view.slots - seat.free, seat.occupied);
  seat.countedTasks = seat.known;
}

/** Units that may be placed there. */
export function freeUnits(seat: Seat): number {
  return roomOf(seat) <= 0 ? 0 : Math.max(0, (seat.free + seat.counted) * SLOT - seat.units);
}

/** Tasks that may be placed there, running or in line. */
function roomOf(seat: Seat): number {
  return seat.room + seat.countedTasks - seat.tasks;
}

/** Whether one more may wait in line there: at most one for each slot. */
export function hasLine(seat: Seat): boolean {
  return roomOf(seat) > 0 && seat.lined < seat.view.slots;
}

/** Whether it has slots for which nothing waits, as it says. */
export function isIdle({ free, waiting }: Seat): boolean {
  return free > 0 && waiting === 0;
}

/** Why nothing can be expected of it now, for people: `it …`. Undefined if it takes tasks, or may be no more than busy: that ends. */
export function faultOf(seat: Seat): string | undefined {
  const { room, known, suspendedUntil, fault } = seat;
  if (room === 0 && known === 0 && isIdle(seat)) return 'it takes in no tasks, idle as it is';
  if (fault === undefined || suspendedUntil === Number.NEGATIVE_INFINITY || fault.times < MANY) return undefined;
  return fault.isLoad && !isIdle(seat) ? undefined : fault.why;
}

export function take(seat: Seat, load: Load, stand: Stand): void {
  count(seat, load, stand, 1);
}

export function give(seat: Seat, load: Load, stand: Stand): void {
  count(seat, load, stand, -1);
}

function count(seat: Seat, { units, memory, slots }: Load, { isKnown, isRunning, isLined }: Stand, sign: 1 | -1): void {
  seat.tasks += sign;
  seat.memory += sign * memory;
  if (isLined) seat.lined += sign;
  else seat.units += sign * units;
  if (isKnown) seat.known += sign;
  // Of those that share a slot, the line of it is all that is heard of.
  if (isRunning || (isKnown && units < SLOT)) seat.occupied += sign * slots;
}
