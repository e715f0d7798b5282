import type { Clock } from '../../base/clock.ts';
import { deferred } from '../../base/deferred.ts';
import type { Ends, States } from '../../protocol/mesh/work.ts';
import type { HeldBlob } from '../blob-view.ts';
import type { Berth, Crew, CrewParts, HomeCrew, Nearer, PlaceEnd, Wanted, Work } from '../crew.ts';
import type { TaskKind } from '../task-kind.ts';
import { type Bytes, type Choice, choices, isOpen } from './choose.ts';
import type { Holders } from './holders.ts';
import type { MemberTable } from './member-table.ts';
import type { MembersView } from './members-view.ts';
import { bytesOf, inputsOf, offeredTask } from './offer.ts';
import type { Outgoing } from './outgoing.ts';
import * as Placed from './placed.ts';
import * as Seat from './seat.ts';
import { type Share, shareOf, type Shares } from './shares.ts';
import type { TreeInputs } from './tree-inputs.ts';

/**
 * The places of one run: slots of this home, and of other members of the mesh. What becomes of a task at a member is in `Placed`; here are the effects.
 *
 * Invariants
 * M1. A berth takes its units of the seat when it is given, so that the next one sees them taken, and gives them back once: when its task has left (`Placed`), or by `cancel`.
 * M2. Every `submit` resolves: by an end, by `away`, when it is aborted, and when the crew is disposed of.
 * M3. As long as anything is placed, a place is looked for, or a member gets nothing for a while, there is a tick.
 * M4. What leaves in one turn leaves in one message for each member, as far as it fits in.
 */

/** What runs of one agent share. */
export interface Shop {
  readonly table: MemberTable;
  readonly holders: Holders;
  readonly trees: TreeInputs;
  readonly shares: Shares;
  readonly members: MembersView;
  readonly clock: Clock;
}

interface Waiting {
  readonly work: Work;
  readonly wanted: Wanted;
  readonly inputs: readonly HeldBlob[];
  readonly resolve: (end: PlaceEnd) => void;
}

/** Time between two looks at what is placed, in ms. */
const TICK = 250;

/** Of these the member itself is the reason: it gets nothing for a while. */
const FAULTS: Readonly<Partial<Record<Placed.AwayBecause, string>>> = {
  unheard: 'it does not answer',
  silent: 'it says nothing of its tasks',
  stuck: 'it keeps tasks for longer than their limits',
  slow: 'it does not fetch what tasks need',
  overload: 'it says that it has no room',
  unheld: 'it lets go of what it took',
};

const NO_USAGE = { wall: 0, cpu: 0, memory: 0, output: 0 };
const NOWHERE: Bytes = { here: 0, at: new Map() };
const HERE = '';
const NO_INPUTS: readonly HeldBlob[] = [];

export class MeshCrew implements Crew {
  readonly #shop: Shop;
  readonly #parts: CrewParts;
  readonly #outgoing: Outgoing;
  readonly #drive: Placed.Drive;
  readonly #share: Share;
  /** By task. */
  readonly #waiting = new Map<number, Waiting>();
  readonly #onDisposed: () => void;
  #stopTick: (() => void) | undefined;
  /** It was said of some tasks that nobody could run them: they wait where nothing but a change of members wakes them. */
  #isObstructed = false;
  /** Jobs that are here or could be. */
  #wanted = 0;
  /** Version of the table at the last tick. */
  #seen = -1;

  constructor(options: { shop: Shop; parts: CrewParts; weight: number; outgoing: Outgoing; onDisposed: () => void }) {
    this.#shop = options.shop;
    this.#parts = options.parts;
    this.#outgoing = options.outgoing;
    this.#onDisposed = options.onDisposed;
    this.#drive = Placed.driveOf(options.shop.table);
    this.#share = shareOf(options.weight, () => this.#parts.onChange());
    this.#shop.shares.add(this.#share);
  }

  get held(): number {
    return this.#parts.local.held;
  }

  get hasIdle(): boolean {
    return this.#parts.local.hasIdle || this.#shop.table.hasFree;
  }

  want(wanted: number): void {
    this.#wanted = wanted - this.#waiting.size;
    this.#parts.local.want(this.#wanted);
  }

  mayRunHere(kind: TaskKind): boolean {
    return this.#parts.local.mayRunHere(kind);
  }

  obstacle(kind: TaskKind): string | undefined {
    const here = this.#parts.local.obstacle(kind);
    if (here === undefined) return undefined;
    const elsewhere = this.#shop.table.obstacle(kind);
    if (elsewhere === undefined) return undefined;
    this.#isObstructed = true;
    if (this.#shop.table.isHealing) this.#tickLater();
    return `at ${this.#parts.self}, which drives the run: ${here}; elsewhere: ${elsewhere}`;
  }

  /** A member is there that was not, says something else of what it can do, or takes tasks again. */
  memberChanged(): void {
    if (!this.#isObstructed) return;
    this.#isObstructed = false;
    this.#parts.onChange();
  }

  berth(wanted: Wanted): Berth | undefined {
    const { local } = this.#parts;
    const { table, shares, clock } = this.#shop;
    const load = loadOf(wanted);
    const inputs = this.#inputs(wanted);
    for (const choice of this.#choices(wanted, load, inputs)) {
      // Of a task that may not leave yet, what it would leave for is worth waiting for as well.
      if (choice.tag === 'wait' || (choice.tag === 'at' && !wanted.mayLeave)) break;
      if (choice.tag === 'here') {
        const berth = local.berth(wanted);
        if (berth !== undefined) return berth;
        continue;
      }
      if (shares.mustYield(this.#share, table.version, clock.monotonic())) {
        this.#tickLater();
        return undefined;
      }
      return this.#take(choice.seat, choice.isLined, load, wanted, inputs);
    }
    if (wanted.mayLeave) this.#failed();
    return undefined;
  }

  nearer(wanted: Wanted): Nearer | undefined {
    // While nothing is free nobody waits for one place rather than another.
    if (!wanted.mayLeave || !this.hasIdle) return undefined;
    const { table } = this.#shop;
    const { local } = this.#parts;
    for (const choice of this.#choices(wanted, loadOf(wanted), this.#inputs(wanted))) {
      if (choice.tag !== 'wait') continue;
      const { seat, patience } = choice;
      if (seat === undefined) return { place: HERE, slots: Math.max(1, local.held), patience, isOpen: () => true };
      return { place: seat.did, slots: seat.view.slots, patience, isOpen: () => isOpen(table, seat, wanted.kind) };
    }
    return undefined;
  }

  #choices(wanted: Wanted, load: Seat.Load, inputs: readonly HeldBlob[]): Iterable<Choice> {
    const { table, holders } = this.#shop;
    const { local, blobs } = this.#parts;
    const bytes = inputs.length === 0 ? NOWHERE : bytesOf(inputs, blobs, holders);
    const may = { here: local.mayRunHere(wanted.kind), wait: wanted.mayWait === true };
    return choices(table, wanted.kind, load, bytes, may);
  }

  #failed(): void {
    const { table, shares, clock } = this.#shop;
    shares.failed(this.#share, table.version, clock.monotonic());
    if (table.hasFree) shares.wakeNext(table.version, clock.monotonic());
    this.#tickLater();
  }

  /** Members are asked for the nearest only if somebody is known to hold anything. */
  #inputs({ task }: Wanted): readonly HeldBlob[] {
    return this.#shop.holders.isEmpty ? NO_INPUTS : inputsOf(task, this.#parts.tasks, this.#parts.blobs, this.#shop);
  }

  #take(seat: Seat.Seat, isLined: boolean, load: Seat.Load, wanted: Wanted, inputs: readonly HeldBlob[]): Berth {
    const stand = Placed.inFlight(isLined);
    this.#shop.table.take(seat, load, stand);
    this.#shop.shares.hold(this.#share, load.units / Seat.SLOT, this.#shop.clock.monotonic());
    return {
      member: seat.did,
      submit: (work, signal) => this.#submit({ seat, isLined, load }, { work, wanted, inputs }, signal),
      cancel: () => {
        this.#shop.table.give(seat, load, stand);
        this.#given(load);
      },
    };
  }

  #submit(at: Pick<Placed.Order, 'seat' | 'isLined' | 'load'>, of: Omit<Waiting, 'resolve'>, signal: AbortSignal): Promise<PlaceEnd> {
    const ended = deferred<PlaceEnd>();
    const { work, wanted } = of;
    const { task, attempt, job } = work;
    const onAbort = (): void => this.#abort(task, attempt);
    this.#waiting.set(task, {
      ...of,
      resolve: (end) => {
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(task);
        this.#given(at.load);
        ended.resolve(end);
      },
    });
    const order = { ...at, task, attempt, kind: wanted.kind, depth: wanted.depthAway, time: job.limits.time };
    this.#do(Placed.place(this.#drive, order, this.#shop.clock.monotonic()));
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    this.#tickLater();
    return ended.promise;
  }

  /** Something was given back. */
  #given({ units }: Seat.Load): void {
    const { shares, table, clock } = this.#shop;
    const now = clock.monotonic();
    shares.hold(this.#share, -units / Seat.SLOT, now);
    shares.wakeNext(table.version, now);
  }

  #abort(task: number, attempt: number): void {
    const waiting = this.#waiting.get(task);
    const placed = this.#drive.tasks.get(task);
    if (waiting === undefined || placed?.attempt !== attempt) return;
    const hasBegun = placed.state.tag === 'running';
    this.#do(Placed.abandon(this.#drive, placed));
    const message = `the task was cancelled while ${placed.seat.did} had it`;
    if (hasBegun) waiting.resolve({ kind: 'lost', code: 'cancelled', message, usage: NO_USAGE });
    else waiting.resolve({ kind: 'away', member: placed.seat.did, hasBegun, lacks: false, isUntaken: false, message });
  }

  /** A message of a member about this run. */
  receive(from: string, message: States | Ends): void {
    const now = this.#shop.clock.monotonic();
    if (message.kind === 'states') return this.#do(Placed.heardStates(this.#drive, from, message, now));
    for (const end of message.tasks) this.#do(Placed.heardEnd(this.#drive, from, end, now));
  }

  memberGone(did: string): void {
    this.#do(Placed.memberGone(this.#drive, did));
  }

  #do(effects: readonly Placed.Effect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'offer':
          this.#offer(effect.placed);
          break;
        case 'withdraw':
          this.#outgoing.withdraw(effect.did, effect.name);
          break;
        case 'received':
          this.#outgoing.received(effect.did, effect.name);
          break;
        case 'away':
          this.#away(effect);
          break;
        case 'ended':
          this.#ended(effect);
      }
    }
  }

  #offer({ task, seat }: Placed.Placed): void {
    const { work, wanted, inputs } = this.#waiting.get(task)!;
    const holders = new Set(inputs.flatMap(({ cid }) => this.#shop.holders.of(cid)?.dids ?? []));
    this.#outgoing.offer(seat.did, offeredTask(work, wanted, this.#parts.tasks, [...holders]));
  }

  #away({ placed, because, hasBegun, message }: Extract<Placed.Effect, { kind: 'away' }>): void {
    const { seat, task, kind } = placed;
    const { table, clock, members } = this.#shop;
    const now = clock.monotonic();
    const isLoad = because === 'overload';
    // What is not heard may be the fault of this agent's own link.
    const isAtFault = isLoad || members.isJudging;
    const why = FAULTS[because];
    if (because === 'refused') table.refuse(seat, kind, `it refuses: ${message}`, now);
    else if (why !== undefined) table.suspend(seat, now, isAtFault ? { why, isLoad } : undefined);
    this.#tickLater();
    const isUntaken = isLoad ? Seat.isIdle(seat) : because === 'unheard' && isAtFault;
    const away = { kind: 'away', member: seat.did, hasBegun, lacks: because === 'unfetched', isUntaken, message } as const;
    this.#waiting.get(task)!.resolve(away);
  }

  #ended({ placed, end }: Extract<Placed.Effect, { kind: 'ended' }>): void {
    const { did } = placed.seat;
    const { inputs, resolve } = this.#waiting.get(placed.task)!;
    // It had to fetch them.
    if (!end.isHit) this.#shop.holders.add(did, inputs);
    const { isHit, receipt, small, held } = end;
    resolve({ kind: 'receipted', member: did, isHit, receipt, small: new Map(Object.entries(small)), held });
  }

  /** A task that cannot be told to anybody. */
  unsendable(task: number, attempt: number, cause: unknown): void {
    const placed = this.#drive.tasks.get(task);
    if (placed?.attempt !== attempt) return;
    this.#do(Placed.abandon(this.#drive, placed));
    const message = `it could not be told to ${placed.seat.did}: ${(cause as Error).message}`;
    this.#waiting.get(task)!.resolve({ kind: 'lost', code: 'lost', message, usage: NO_USAGE });
  }

  #tickLater(): void {
    this.#stopTick ??= this.#shop.clock.after(TICK, () => {
      this.#stopTick = undefined;
      this.#tick();
      if (this.#drive.tasks.size > 0 || this.#share.isHungry || this.#shop.table.isHealing) this.#tickLater();
    });
  }

  #tick(): void {
    const { table, members, clock } = this.#shop;
    const now = clock.monotonic();
    // Only changes of what a member says are told; that it said the same again says something too.
    for (const did of this.#drive.posts.keys()) {
      const heard = members.get(did);
      if (heard !== undefined) table.hear(heard.beat);
    }
    table.tick(now);
    // What waits elsewhere for long could be run here, if there were a slot.
    let unheld = 0;
    const effects = Placed.tick(this.#drive, now, (placed) => {
      const free = this.#freeElsewhere(placed);
      if (free === 'unheld') unheld++;
      return free === 'yes';
    });
    this.#parts.local.want(this.#wanted + unheld);
    this.#do(effects);
    // Another run's tick may have been the one that ended a suspension.
    if (this.#share.isHungry || table.version > this.#seen) this.#parts.onChange();
    this.#seen = table.version;
  }

  #freeElsewhere({ seat, kind, load }: Placed.Placed): ReturnType<HomeCrew['isFreeFor']> {
    const best = this.#shop.table.best(kind);
    if (best !== undefined && best.item !== seat && best.left >= load.units) return 'yes';
    return this.#parts.local.isFreeFor(kind);
  }

  distrust(did: string, kind: TaskKind, why: string): void {
    const { table, clock } = this.#shop;
    const seat = table.seat(did);
    if (seat !== undefined) table.refuse(seat, kind, why, clock.monotonic());
    this.#tickLater();
  }

  praise(did: string, kind: TaskKind): void {
    this.#shop.table.praise(did, kind);
  }

  rest(): void {
    this.#parts.local.rest();
    this.#sate();
  }

  dismiss(): void {
    this.#parts.local.dismiss();
    this.#sate();
  }

  #sate(): void {
    if (!this.#share.isHungry) return;
    const { shares, table, clock } = this.#shop;
    shares.sate(this.#share);
    shares.wakeNext(table.version, clock.monotonic());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopTick?.();
    for (const { work } of [...this.#waiting.values()]) this.#abort(work.task, work.attempt);
    this.#sate();
    this.#shop.shares.remove(this.#share);
    this.#outgoing.flush();
    this.#onDisposed();
    await this.#parts.local[Symbol.asyncDispose]();
  }
}

function loadOf({ kind, depthAway, alone }: Wanted): Seat.Load {
  const { slots, memory } = kind.needs;
  const units = alone || slots > 1 ? slots * Seat.SLOT : Math.ceil(Seat.SLOT / depthAway);
  return { units, memory, slots };
}
