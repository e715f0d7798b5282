import type { Clock } from '../base/clock.ts';
import { DocketError } from '../errors.ts';
import type { Job } from '../runner/job.ts';
import type { SlotEnd } from '../runner/slot.ts';

/**
 * The slots a run holds at the moment.
 *
 * Invariants
 * C1. A job is placed only on a slot whose lease is held, so slots are never oversubscribed, whoever shares the home.
 * C2. One job of a slot runs, the others are in its pipe so that the runner never waits for us. Only jobs expected to be short get a
 *     place behind another, which must be short too (or they would wait for a long one while other slots are free), the shorter the more of
 *     them, and never beside a job that must run alone.
 * C3. A slot that others wait for is given back at a task boundary once it was held for a while, and asked for again. One without a job goes to
 *     another run of this process at once: that costs nothing.
 */

/** The right to use one slot of the home, with the slot. */
export interface Lease {
  readonly slot: { submit(job: Job, options: { readonly signal: AbortSignal }): Promise<SlotEnd> };
  /** Whether it would be fair to give it to another run of this process. Cheap. */
  isWantedHere(): boolean;
  /** Whether it would be fair to give it to another process. May read a folder now and then. */
  isWantedElsewhere(): boolean;
  release(): Promise<void>;
}

export interface SlotSource {
  /** Waits until a slot is free; rejects when aborted. `holder` tells one run from another. */
  acquire(signal: AbortSignal, holder: object): Promise<Lease>;
}

interface Member {
  readonly lease: Lease;
  readonly since: number;
  outstanding: number;
  /** The least depth of the jobs in line. */
  depth: number;
  alone: boolean;
  leaving: boolean;
}

/** A place for one job. */
export interface Berth {
  submit(job: Job, signal: AbortSignal): Promise<SlotEnd>;
  /** Gives the place back unused. */
  cancel(): void;
}

/** How long a slot is kept while others wait for it, in ms. */
const TURN = 500;

const OVER = new DocketError('CANCELLED', 'the run is over');

export class Crew {
  readonly #source: SlotSource;
  readonly #size: number;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #onFailure: (cause: unknown) => void;
  readonly #members = new Set<Member>();
  readonly #stop = new AbortController();
  readonly #pending = new Set<Promise<void>>();
  #acquiring = 0;
  #unwatch: () => void = () => {};

  constructor(options: { source: SlotSource; size: number; clock: Clock; onChange: () => void; onFailure: (cause: unknown) => void }) {
    this.#source = options.source;
    this.#size = options.size;
    this.#clock = options.clock;
    this.#onChange = options.onChange;
    this.#onFailure = options.onFailure;
    this.#watch();
  }

  /** Slots held now. */
  get held(): number {
    return this.#members.size;
  }

  /** Asks for slots until `wanted` are held or asked for, within the run's size. */
  want(wanted: number): void {
    while (this.#members.size + this.#acquiring < Math.min(wanted, this.#size)) {
      this.#acquiring++;
      this.#track(this.#acquire());
    }
  }

  async #acquire(): Promise<void> {
    try {
      const lease = await this.#source.acquire(this.#stop.signal, this);
      if (this.#stop.signal.aborted) return await lease.release();
      this.#members.add({ lease, since: this.#clock.monotonic(), outstanding: 0, depth: 1, alone: false, leaving: false });
    } catch (cause) {
      if (!this.#stop.signal.aborted) this.#onFailure(cause);
    } finally {
      this.#acquiring--;
      this.#onChange();
    }
  }

  /** A free place, or undefined. `depth`: how many jobs the slot may have with this one; `alone`: nothing may share the slot with it. */
  berth(job: { readonly depth: number; readonly alone: boolean }): Berth | undefined {
    const wanted = job.alone ? 1 : job.depth;
    let chosen: Member | undefined;
    for (const member of this.#members) {
      if (member.leaving || member.alone) continue;
      if (member.outstanding > 0 && member.outstanding >= Math.min(wanted, member.depth)) continue;
      if (chosen === undefined || member.outstanding < chosen.outstanding) chosen = member;
    }
    if (chosen === undefined) return undefined;
    const member = chosen;
    member.depth = member.outstanding === 0 ? wanted : Math.min(member.depth, wanted);
    member.outstanding++;
    member.alone = job.alone;
    return { submit: (work, signal) => this.#submit(member, work, signal), cancel: () => this.#vacate(member) };
  }

  async #submit(member: Member, job: Job, signal: AbortSignal): Promise<SlotEnd> {
    try {
      return await member.lease.slot.submit(job, { signal });
    } finally {
      this.#vacate(member);
    }
  }

  #vacate(member: Member): void {
    member.outstanding--;
    member.alone = false;
    this.#considerLeaving(member);
  }

  #considerLeaving(member: Member): void {
    member.leaving ||= this.#othersWait(member);
    if (member.leaving && member.outstanding === 0) this.#leave(member);
  }

  #othersWait(member: Member): boolean {
    if (this.#clock.monotonic() - member.since <= TURN) return false;
    return member.lease.isWantedHere() || member.lease.isWantedElsewhere();
  }

  /** An idle slot ends no job, so whether others wait for it is asked from time to time. */
  #watch(): void {
    this.#unwatch = this.#clock.after(TURN, () => {
      for (const member of this.#members) this.#considerLeaving(member);
      this.#watch();
    });
  }

  /** There is no job for the idle slots at the moment. */
  rest(): void {
    for (const member of this.#members) if (member.outstanding === 0 && member.lease.isWantedHere()) this.#leave(member);
  }

  /** No job will come any more. */
  dismiss(): void {
    for (const member of this.#members) {
      member.leaving = true;
      if (member.outstanding === 0) this.#leave(member);
    }
  }

  #leave(member: Member): void {
    if (!this.#members.delete(member)) return;
    this.#track(member.lease.release().catch(this.#onFailure).finally(this.#onChange));
  }

  #track(work: Promise<void>): void {
    this.#pending.add(work);
    void work.finally(() => this.#pending.delete(work));
  }

  /** Gives everything back; jobs must have ended before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#unwatch();
    // With a reason of its own, since the default is made anew, stack and all, for each run.
    this.#stop.abort(OVER);
    for (const member of this.#members) this.#leave(member);
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }
}
