import type { Nearer } from '../crew.ts';
import type { TaskKind } from '../task-kind.ts';
import type { MemberTable } from './member-table.ts';
import { hasLine, type Load, type Seat } from './seat.ts';

/** Bytes for which it is worth choosing who has them. */
const NEAR = 64 * 1024;
/** Bytes for which it is worth waiting for who has them: some ten milliseconds of a fast network. */
const FAR = 1024 * 1024;

/**
 * How long a task waits for a place that has its bytes, in ms, by how many these are: a good many times what it takes to fetch them, and never long. (Zaharia et al., "Delay
 * scheduling", EuroSys 2010: places come free so often that nearly all tasks get theirs by waiting a little.)
 */
const PATIENCE: readonly { readonly below: number; readonly ms: number }[] = [
  { below: 16 * FAR, ms: 1_000 },
  { below: 64 * FAR, ms: 2_000 },
  { below: Number.POSITIVE_INFINITY, ms: 4_000 },
];

/** Bytes of what a task needs, by who holds it: members by DID, `here` by this home. */
export interface Bytes {
  readonly here: number;
  readonly at: ReadonlyMap<string, number>;
}

export type Choice =
  | { readonly tag: 'here' }
  | { readonly tag: 'at'; readonly seat: Seat; readonly isLined: boolean }
  /** None of the others at the moment: the task waits for that place, if it may. Of this home: `seat` is undefined. */
  | { readonly tag: 'wait'; readonly seat: Seat | undefined; readonly patience: Nearer['patience'] };

interface Near {
  readonly most: number;
  readonly isHere: boolean;
  /** Who holds most comes first. */
  readonly seats: readonly { readonly seat: Seat; readonly left: number }[];
}

/**
 * Where a task goes, in the order in which it is to be tried: to this home, which costs no messages, or to a member, if they have most bytes of what it needs. If these are many,
 * into the line of such a member, of which each has a short one; and if that is full, it waits. Else to this home; else to the member with most free slots.
 *
 * One that has waited, and may not once more, is in a line last: there it would.
 */
export function* choices(
  table: MemberTable,
  kind: TaskKind,
  load: Load,
  bytes: Bytes,
  may: { here: boolean; wait: boolean },
): Generator<Choice> {
  const { most, isHere, seats } = nearest(table, kind, bytes, may.here);
  if (isHere) yield { tag: 'here' };
  for (const { seat, left } of seats) if (left >= load.units) yield { tag: 'at', seat, isLined: false };
  const isFar = most >= FAR;
  if (isFar && may.wait) {
    yield* lines(seats, load);
    yield { tag: 'wait', seat: isHere ? undefined : seats[0]!.seat, patience: patienceFor(most) };
  }
  if (may.here && !isHere) yield { tag: 'here' };
  const best = table.best(kind);
  if (best !== undefined && best.left >= load.units) yield { tag: 'at', seat: best.item, isLined: false };
  if (isFar && !may.wait) yield* lines(seats, load);
}

/** What waits for memory may wait for long. */
function* lines(seats: Near['seats'], { memory }: Load): Generator<Choice> {
  if (memory > 0) return;
  for (const { seat } of seats) if (hasLine(seat)) yield { tag: 'at', seat, isLined: true };
}

/** Who holds most, or so much that it is not worth going to who does, of those that could run it. Nobody, if that is not enough to choose by. */
function nearest(table: MemberTable, kind: TaskKind, { here, at }: Bytes, isHereAllowed: boolean): Near {
  let most = isHereAllowed ? here : 0;
  const holders: { readonly seat: Seat; readonly left: number; readonly held: number }[] = [];
  for (const [did, held] of at) {
    if (held < NEAR) continue;
    const seat = table.seat(did);
    if (seat === undefined || seat.suspendedUntil > Number.NEGATIVE_INFINITY) continue;
    const left = table.left(seat, kind);
    if (left === undefined) continue;
    holders.push({ seat, left, held });
    most = Math.max(most, held);
  }
  if (most < NEAR) return { most, isHere: false, seats: [] };
  const least = most - (most >= FAR ? FAR : NEAR);
  const seats = holders.filter(({ held }) => held > least).toSorted((a, b) => b.held - a.held);
  return { most, isHere: isHereAllowed && here > least, seats };
}

function patienceFor(bytes: number): number {
  return PATIENCE.find(({ below }) => bytes < below)!.ms;
}

/** Whether it is worth looking for a place there again: something is free, or it cannot be waited for any more. */
export function isOpen(table: MemberTable, seat: Seat, kind: TaskKind): boolean {
  const left = table.seat(seat.did) === seat ? table.left(seat, kind) : undefined;
  return left === undefined || left > 0 || hasLine(seat) || seat.suspendedUntil > Number.NEGATIVE_INFINITY;
}
