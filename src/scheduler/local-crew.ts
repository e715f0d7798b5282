import type { Clock } from '../base/clock.ts';
import { DocketError } from '../errors.ts';
import type { Job } from '../runner/job.ts';
import type { SlotEnd } from '../runner/slot.ts';
import { NO_NEEDS, type Offer } from '../workflow/needs.ts';
import type { Berth, HomeCrew, Wanted } from './crew.ts';
import type { GatherTurns } from './gather-turns.ts';
import { MemoryAccount } from './memory-account.ts';
import { lackOf, type TaskKind } from './task-kind.ts';

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
 * C4. A task that takes several slots has them all or none. Who gathers for one keeps what it holds and gives none of it away, for `GATHER`; then others have their turn
 *     with what there is. Of the runs of a process one gathers at a time.
 * C5. The memory that tasks say they need is taken with the place and given back with it, so that all that runs in this process, or is in line, needs no more than
 *     there is (`MemoryAccount`).
 * C6. What no job of this run can use now is given back: a slot that was idle for `LINGER` while fewer are wanted than are held. So nothing is given back between two tasks of a busy run, and
 *     a run that waits for others keeps nobody waiting.
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
  /** Shared by all runs of this process. Default: this run is alone. */
  readonly turns?: GatherTurns;
  /** As `turns`. */
  readonly memory?: MemoryAccount;
}

interface Member {
  readonly lease: Lease;
  readonly since: number;
  /** When it had its last job. */
  idleSince: number;
  outstanding: number;
  /** The least depth of the jobs in line. */
  depth: number;
  alone: boolean;
  leaving: boolean;
}

interface Options {
  readonly source: SlotSource;
  readonly size: number;
  readonly clock: Clock;
  /** As in `CoordinatorOptions`. */
  readonly here?: Offer | undefined;
  /** Bytes that all tasks of this process may need together. Default: what `here` says, else without bound. */
  readonly memory?: number | undefined;
  /** DID of this agent, for kinds that name agents. */
  readonly self?: string | undefined;
  /** Its share of slots beside other runs. Default 1. */
  readonly weight?: number | undefined;
  readonly onChange: () => void;
  readonly onFailure: (cause: unknown) => void;
}

/** How long a slot is kept while others wait for it, in ms. */
const TURN = 500;
/** How long slots are kept that nothing is there for, in ms. */
const LINGER = 500;

/** How long slots are gathered for a task, and how long that rests then, in ms. */
const GATHER = 30_000;
const REST = 2_000;

const OVER = new DocketError('CANCELLED', 'the run is over');

export class LocalCrew implements HomeCrew {
  readonly #source: SlotSource;
  readonly #size: number;
  readonly #clock: Clock;
  readonly #here: Offer | undefined;
  readonly #self: string;
  readonly #memory: MemoryAccount;
  readonly #mostMemory: number;
  readonly #onChange: () => void;
  readonly #onFailure: (cause: unknown) => void;
  readonly #members = new Set<Member>();
  readonly #stop = new AbortController();
  readonly #pending = new Set<Promise<void>>();
  /** As in `WeightedHolder`: who has weight is asked whether it gathers. */
  readonly weight: number;
  /** For so many slots; `isAsked`: the task still looked for them lately. */
  #gather: { readonly slots: number; readonly stop: () => void; isAsked: boolean } | undefined;
  #endRest: (() => void) | undefined;
  /** Slots that jobs hold beside those they run in. */
  #besides = 0;
  /** Jobs that are here or could be. */
  #wanted = 0;
  #acquiring = 0;
  #unwatch: () => void = () => {};

  constructor(options: Options) {
    this.#source = options.source;
    this.#size = options.size;
    this.#clock = options.clock;
    this.#here = options.here;
    this.#self = options.self ?? '';
    this.#memory = options.source.memory ?? new MemoryAccount();
    this.#mostMemory = options.memory ?? options.here?.memory ?? Number.POSITIVE_INFINITY;
    this.weight = options.weight ?? 1;
    this.#onChange = options.onChange;
    this.#onFailure = options.onFailure;
    this.#watch();
  }

  /** Slots held now. */
  get held(): number {
    return this.#members.size;
  }

  get hasIdle(): boolean {
    for (const { outstanding, leaving } of this.#members) if (outstanding === 0 && !leaving) return true;
    return false;
  }

  get isGathering(): boolean {
    return this.#gather !== undefined;
  }

  /** Asks for slots until `wanted` are held or asked for, within the run's size; what is held beyond that is given back after a while. */
  want(wanted: number): void {
    this.#wanted = wanted;
    const least = Math.max(wanted + this.#besides, this.#busy + (this.#gather?.slots ?? 0));
    while (this.#members.size + this.#acquiring < Math.min(least, this.#size)) {
      this.#acquiring++;
      this.#track(this.#acquire());
    }
  }

  get #busy(): number {
    return this.#members.size - this.#idle;
  }

  get #idle(): number {
    let idle = 0;
    for (const { outstanding } of this.#members) if (outstanding === 0) idle++;
    return idle;
  }

  async #acquire(): Promise<void> {
    try {
      const lease = await this.#source.acquire(this.#stop.signal, this);
      if (this.#stop.signal.aborted) return await lease.release();
      const now = this.#clock.monotonic();
      this.#members.add({ lease, since: now, idleSince: now, outstanding: 0, depth: 1, alone: false, leaving: false });
    } catch (cause) {
      if (!this.#stop.signal.aborted) this.#onFailure(cause);
    } finally {
      this.#acquiring--;
      this.#onChange();
    }
  }

  /** Whether a task of this kind would have a place at once. */
  isFreeFor(kind: TaskKind): 'yes' | 'unheld' | 'no' {
    const { slots, memory } = kind.needs;
    if (slots !== 1 || !this.mayRunHere(kind) || !this.#memory.isFree(memory, this.#mostMemory)) return 'no';
    return this.hasIdle ? 'yes' : 'unheld';
  }

  /** None for kinds there is an `obstacle` for. `slots`, `memory`: what it takes up. Default: what its kind needs, else 1 and none. */
  berth(
    job: Pick<Wanted, 'depth' | 'alone'> & Partial<Pick<Wanted, 'kind'>> & { readonly slots?: number; readonly memory?: number },
  ): Berth | undefined {
    if (job.kind !== undefined && this.obstacle(job.kind) !== undefined) return undefined;
    const slots = job.slots ?? job.kind?.needs.slots ?? 1;
    const memory = job.memory ?? job.kind?.needs.memory ?? 0;
    if (slots > 1) return this.#several(slots, memory);
    if (this.isGathering) return undefined;
    const wanted = job.alone ? 1 : job.depth;
    let chosen: Member | undefined;
    for (const member of this.#members) {
      if (member.leaving || member.alone) continue;
      if (member.outstanding > 0 && member.outstanding >= Math.min(wanted, member.depth)) continue;
      if (chosen === undefined || member.outstanding < chosen.outstanding) chosen = member;
    }
    const giveBack = chosen && this.#takeMemory(memory);
    if (chosen === undefined || giveBack === undefined) return undefined;
    chosen.depth = chosen.outstanding === 0 ? wanted : Math.min(chosen.depth, wanted);
    chosen.outstanding++;
    chosen.alone = job.alone;
    return this.#berthAt(chosen, giveBack);
  }

  #takeMemory(bytes: number): (() => void) | undefined {
    return this.#memory.take(bytes, { holder: this, most: this.#mostMemory, wake: this.#onChange });
  }

  /** `vacate`: what is given back besides. */
  #berthAt(member: Member, vacate: () => void): Berth {
    return {
      member: undefined,
      submit: ({ job }, signal) => this.#submit(member, job, signal).finally(vacate),
      cancel: () => {
        this.#vacate(member);
        vacate();
      },
    };
  }

  /** As many slots as a task takes; its job runs in the first. */
  #several(slots: number, memory: number): Berth | undefined {
    const idle = [...this.#members].filter(({ outstanding, leaving }) => outstanding === 0 && !leaving);
    const giveBack = idle.length < slots ? undefined : this.#takeMemory(memory);
    if (giveBack === undefined) {
      this.#beginGathering(slots);
      return undefined;
    }
    this.#endGathering();
    const [first, ...others] = idle.slice(0, slots) as [Member, ...Member[]];
    for (const member of [first, ...others]) {
      member.outstanding = 1;
      member.depth = 1;
      member.alone = true;
    }
    this.#besides += others.length;
    this.want(this.#wanted);
    return this.#berthAt(first, () => {
      this.#besides -= others.length;
      for (const member of others) this.#vacate(member);
      giveBack();
    });
  }

  #beginGathering(slots: number): void {
    if (this.#gather !== undefined) {
      this.#gather.isAsked = true;
      return;
    }
    if (this.#endRest !== undefined || this.#source.turns?.take(this, this.#onChange) === false) return;
    const stop = this.#clock.after(GATHER, () => {
      this.#endGathering();
      this.#endRest = this.#clock.after(REST, () => {
        this.#endRest = undefined;
        this.#onChange();
      });
      for (const member of this.#members) this.#considerLeaving(member);
      this.#onChange();
    });
    this.#gather = { slots, stop, isAsked: true };
    this.want(this.#wanted);
  }

  #endGathering(): void {
    this.#gather?.stop();
    this.#gather = undefined;
    this.#source.turns?.end(this);
  }

  /** The task may have gone elsewhere: if it does not ask any more, nothing is kept for it. */
  #watchGathering(): void {
    if (this.#gather === undefined) return;
    if (!this.#gather.isAsked) this.#endGathering();
    else this.#gather.isAsked = false;
    this.#onChange();
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
    member.idleSince = this.#clock.monotonic();
    this.#considerLeaving(member);
  }

  #considerLeaving(member: Member): void {
    if (this.isGathering && !this.#stop.signal.aborted) return;
    member.leaving ||= this.#othersWait(member);
    if (member.leaving && member.outstanding === 0) this.#leave(member);
  }

  #othersWait(member: Member): boolean {
    if (this.#clock.monotonic() - member.since <= TURN) return false;
    return member.lease.isWantedHere() || member.lease.isWantedElsewhere();
  }

  /** An idle slot ends no job, so whether it is of use is asked from time to time. */
  #watch(): void {
    this.#unwatch = this.#clock.after(TURN, () => {
      this.#watchGathering();
      if (this.#memory.recall(this)) this.#onChange();
      for (const member of this.#members) this.#considerLeaving(member);
      this.#leaveUnneeded();
      this.#watch();
    });
  }

  #leaveUnneeded(): void {
    if (this.isGathering) return;
    const until = this.#clock.monotonic() - LINGER;
    let jobs = -this.#besides;
    for (const { outstanding } of this.#members) jobs += outstanding;
    let spare = this.#idle - Math.max(0, this.#wanted - jobs);
    for (const member of this.#members) {
      if (spare <= 0) return;
      if (member.outstanding > 0 || member.idleSince > until) continue;
      this.#leave(member);
      spare--;
    }
  }

  mayRunHere(kind: TaskKind): boolean {
    return this.obstacle(kind) === undefined;
  }

  obstacle(kind: TaskKind): string | undefined {
    const { op, needs } = kind;
    if (needs === NO_NEEDS && this.#here === undefined && kind.notAt === undefined && kind.onlyAt === undefined) return undefined;
    const here = this.#here ?? { ops: [op, ...(needs.op === undefined ? [] : [needs.op])], tags: {}, memory: Number.POSITIVE_INFINITY };
    return lackOf(kind, { ...here, slots: this.#size, did: this.#self });
  }

  /** There is nobody else here. */
  distrust(): void {}

  praise(): void {}

  /** There is no job for the idle slots at the moment. */
  rest(): void {
    if (this.isGathering) this.#endGathering();
    this.#memory.forget(this);
    for (const member of this.#members) if (member.outstanding === 0 && member.lease.isWantedHere()) this.#leave(member);
  }

  /** No job will come any more. */
  dismiss(): void {
    this.#endGathering();
    this.#memory.forget(this);
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
    this.#endRest?.();
    this.#endGathering();
    this.#memory.forget(this);
    // With a reason of its own, since the default is made anew, stack and all, for each run.
    this.#stop.abort(OVER);
    for (const member of this.#members) this.#leave(member);
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }
}
