import type { Beat } from '../../protocol/mesh/member.ts';
import { lackThere, type TaskKind } from '../task-kind.ts';
import { CapacityHeap } from './capacity-heap.ts';
import { Refusals } from './refusals.ts';
import * as Seat from './seat.ts';

/**
 * The members of the mesh as one coordinator may use them, for all runs it drives. Pure: it is told of beats, placements and the time, and does nothing by itself.
 *
 * Invariants
 * T1. A seat is in the index of every kind in use that it can run and does not refuse, and in no other, with what is free there for that kind. So finding a place costs the logarithm of
 *     the number of members, whoever they are.
 * T2. A member that is gone has no seat; what was placed there keeps the seat it was placed at, which nobody finds any more.
 * T3. `version` grows whenever there may be a place where there was none.
 * T4. What a member refuses outlives the index of the kind.
 */

/** Kinds of tasks that have an index, as many as a run looks at in one turn. Those used last stay: an index costs a look at every member to make. */
const MOST_INDEXES = 256;
/** How long a member that had no room, or was in trouble, is left alone, in ms; doubled for each further time, up to the second. */
const REST = { first: 500, most: 60_000 };

interface Index {
  readonly kind: TaskKind;
  readonly heap: CapacityHeap<Seat.Seat>;
}

export class MemberTable {
  readonly #seats = new Map<string, Seat.Seat>();
  readonly #indexes = new Map<string, Index>();
  /** All members by what is free there, for whatever kind. */
  readonly #all = new CapacityHeap<Seat.Seat>();
  readonly #suspended = new Set<Seat.Seat>();
  readonly #refusals = new Refusals();
  #version = 0;

  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#seats.size;
  }

  seat(did: string): Seat.Seat | undefined {
    return this.#seats.get(did);
  }

  seats(): Iterable<Seat.Seat> {
    return this.#seats.values();
  }

  /** One that is not known joins. Another incarnation must have been gone before. True if somebody may run what nobody could before. */
  hear(beat: Beat): boolean {
    const { did } = beat.view;
    const seat = this.#seats.get(did);
    if (seat === undefined) {
      const joined = Seat.seatOf(beat);
      this.#seats.set(did, joined);
      this.#all.set(joined, openUnits(joined));
      for (const index of this.#indexes.values()) this.#place(index, joined);
      this.#version++;
      return true;
    }
    if (beat.seq <= seat.seq) return false;
    const isSame = seat.view === beat.view;
    const before = Seat.freeUnits(seat);
    const fault = Seat.faultOf(seat);
    Seat.hear(seat, beat);
    this.#changed(seat);
    if (!isSame) for (const index of this.#indexes.values()) this.#place(index, seat);
    if (!isSame || Seat.freeUnits(seat) > before) this.#version++;
    return !isSame || (fault !== undefined && Seat.faultOf(seat) === undefined);
  }

  gone(did: string): Seat.Seat | undefined {
    const seat = this.#seats.get(did);
    if (seat === undefined) return undefined;
    this.#seats.delete(did);
    this.#suspended.delete(seat);
    this.#all.delete(seat);
    this.#refusals.gone(did);
    for (const { heap } of this.#indexes.values()) heap.delete(seat);
    this.#version++;
    return seat;
  }

  take(seat: Seat.Seat, load: Seat.Load, stand: Seat.Stand): void {
    Seat.take(seat, load, stand);
    this.#changed(seat);
  }

  give(seat: Seat.Seat, load: Seat.Load, stand: Seat.Stand): void {
    Seat.give(seat, load, stand);
    this.#changed(seat);
    this.#version++;
  }

  /** More is known of what is placed there. */
  restand(seat: Seat.Seat, load: Seat.Load, from: Seat.Stand, to: Seat.Stand): void {
    Seat.give(seat, load, from);
    Seat.take(seat, load, to);
    if (from.isLined !== to.isLined) this.#changed(seat);
  }

  /** It gets nothing for a while. `fault`: what it is to be blamed for, if it can be. */
  suspend(seat: Seat.Seat, now: number, fault: Seat.Fault | undefined): void {
    if (now < seat.suspendedUntil || !this.#isSeated(seat)) return;
    if (fault !== undefined) seat.fault = { ...fault, times: (seat.fault?.times ?? 0) + 1 };
    seat.suspendedUntil = now + Math.min(REST.first * 2 ** seat.strikes, REST.most);
    seat.strikes = Math.min(seat.strikes + 1, 16);
    this.#suspended.add(seat);
    this.#changed(seat);
  }

  /** It told how a task ended. Whether that is so is for others to judge. */
  answered(seat: Seat.Seat): void {
    seat.strikes = 0;
    seat.fault = undefined;
  }

  /** It did what it was asked for. */
  praise(did: string, kind: TaskKind): void {
    this.#refusals.praise(did, kind);
  }

  /** It will not run tasks of this kind. One that refuses so many kinds gets nothing at all for a while. */
  refuse(seat: Seat.Seat, kind: TaskKind, why: string, now: number): void {
    if (!this.#isSeated(seat)) return;
    if (this.#refusals.add(seat.did, kind, why, now)) this.#indexes.get(kind.name)?.heap.delete(seat);
    else this.suspend(seat, now, { why, isLoad: false });
  }

  /** Somebody gets nothing for a while: `tick` is to be called. */
  get isHealing(): boolean {
    return this.#suspended.size > 0 || this.#refusals.isAny;
  }

  /** What is suspended or refused is over at some time. */
  tick(now: number): void {
    for (const seat of this.#suspended) {
      if (now < seat.suspendedUntil) continue;
      this.#suspended.delete(seat);
      seat.suspendedUntil = Number.NEGATIVE_INFINITY;
      this.#changed(seat);
      this.#version++;
    }
    for (const { did, kind } of this.#refusals.over(now)) {
      const index = this.#indexes.get(kind);
      if (index !== undefined) this.#place(index, this.#seats.get(did)!);
      this.#version++;
    }
  }

  /** Who has most free for tasks of this kind; undefined if nobody can run them. */
  best(kind: TaskKind): { readonly item: Seat.Seat; readonly left: number } | undefined {
    return this.#index(kind).heap.top();
  }

  /** Whether any member has a slot free, for whatever kind. */
  get hasFree(): boolean {
    return (this.#all.top()?.left ?? 0) >= Seat.SLOT;
  }

  /** Units that are free there for such a task; undefined if it cannot run it. */
  left(seat: Seat.Seat, kind: TaskKind): number | undefined {
    return this.#index(kind).heap.leftOf(seat);
  }

  /** Why nothing can be expected of any member, as they are, for tasks of this kind; undefined if one runs them, or will when it is less busy. */
  obstacle(kind: TaskKind): string | undefined {
    const { heap } = this.#index(kind);
    if ((heap.top()?.left ?? 0) > 0) return undefined;
    for (const seat of heap.items()) if (Seat.faultOf(seat) === undefined) return undefined;
    if (this.#seats.size === 0) return 'no other member is there that is believed';
    const whys = new Map<string, number>();
    for (const seat of this.#seats.values()) {
      const why = this.#refusals.why(seat.did, kind) ?? lackThere(kind, seat.view) ?? Seat.faultOf(seat) ?? 'it is draining';
      whys.set(why, (whys.get(why) ?? 0) + 1);
    }
    const told = [...whys].toSorted(([, a], [, b]) => b - a).slice(0, MOST_TOLD);
    return told.map(([why, members]) => `${why} (${members} of ${this.#seats.size} members)`).join('; ');
  }

  #index(kind: TaskKind): Index {
    let index = this.#indexes.get(kind.name);
    if (index === undefined) {
      index = { kind, heap: new CapacityHeap() };
      for (const seat of this.#seats.values()) this.#place(index, seat);
      if (this.#indexes.size >= MOST_INDEXES) this.#indexes.delete(this.#indexes.keys().next().value!);
    } else if (this.#indexes.size === 1) return index;
    else this.#indexes.delete(kind.name);
    this.#indexes.set(kind.name, index);
    return index;
  }

  #place({ kind, heap }: Index, seat: Seat.Seat): void {
    if (seat.view.isDraining || this.#refusals.why(seat.did, kind) !== undefined || lackThere(kind, seat.view) !== undefined)
      heap.delete(seat);
    else heap.set(seat, leftFor(seat, kind));
  }

  #changed(seat: Seat.Seat): void {
    if (!this.#isSeated(seat)) return;
    this.#all.set(seat, openUnits(seat));
    for (const { kind, heap } of this.#indexes.values()) if (heap.has(seat)) heap.set(seat, leftFor(seat, kind));
  }

  #isSeated(seat: Seat.Seat): boolean {
    return this.#seats.get(seat.did) === seat;
  }
}

/** Reasons that are told. */
const MOST_TOLD = 3;

function leftFor(seat: Seat.Seat, { needs }: TaskKind): number {
  return seat.view.memory - seat.memory < needs.memory ? 0 : openUnits(seat);
}

function openUnits(seat: Seat.Seat): number {
  return seat.suspendedUntil > Number.NEGATIVE_INFINITY || seat.view.isDraining ? 0 : Seat.freeUnits(seat);
}
