import { DocketError, isDocketError } from '../../errors.ts';
import { Lock } from '../../ledger/locks.ts';
import type { AttemptName, HeldTask, KeptOffer, Offer, OfferedTask, Received, UnreadTask, Withdraw } from '../../protocol/mesh/work.ts';
import { type Attempt, heldTask, type Stage } from './host-attempt.ts';
import { Contests, type DriverOf } from './host-contest.ts';
import type { NotTaken } from './host-counts.ts';
import { heldNot, Holding, type HoldingOptions } from './host-holding.ts';
import { KeptOffers } from './host-kept.ts';
import { judgeOffered } from './host-offer.ts';
import { settleOwned } from './host-recover.ts';
import type { Drive } from './host-table.ts';
import type { ToHost } from './work-line.ts';

/**
 * Runs tasks for other members on the slots of this home: lets in what they offer, and tells them what becomes of it (`Holding`).
 *
 * Invariants
 * M1. An attempt is held from the turn of its offer until its end was received, it is withdrawn before it ran, or nobody is there who wants it. What is held is
 *     told every second; what ended is told as long as it was not received.
 * M2. Nothing is believed of an offer that can be computed here: invocation, instruction and key are this home's own, and so is every receipt.
 * M3. However much is offered, no more than `room` attempts and `bytes` of offers are held, and so many drives; the rest is told `overload` at once.
 * M4. Each stage ends by itself: fetching by patience, joined and running by the limits of the task, ended by `TELL`, and waiting because the coordinator is there, which
 *     hears of it every second, or is gone for `GRACE`.
 * M5. Whatever comes, no message makes this throw, or say that this home is in trouble: what cannot be read, or named, of an offered task costs that task alone, which
 *     is refused.
 */

interface HostOptions extends HoldingOptions {
  /** Whether a member is not there: unheard for long enough, by one who hears the mesh. */
  readonly isGone: (did: string) => boolean;
  readonly isDraining: () => boolean;
  readonly driverOf: DriverOf;
  /** Attempts it holds at most; default 64, and 32 for each slot. */
  readonly room?: number;
  /** Bytes of offers it holds at most, and a message; default 256 MiB. */
  readonly bytes?: number;
}

/** Milliseconds between two tellings. */
const TELL_EVERY = 1_000;
/** How long a coordinator may be gone before what waits for it goes too: somebody may take the run over. */
const GRACE = 30_000;
/** How long an end is told to one who is there and does not receive it, and one that was withdrawn. It is found by its key afterwards. */
const TELL = 300_000;
const TELL_UNWANTED = 10_000;
/** How long it is told that nothing is held for a drive. */
const QUIET = 5_000;
/** Of offers that are held. */
const MOST_BYTES = 256 * 2 ** 20;

export class Host implements AsyncDisposable {
  readonly #options: HostOptions;
  readonly #most: number;
  readonly #mostBytes: number;
  readonly #lock: Lock;
  readonly #holding: Holding;
  readonly #kept: KeptOffers;
  readonly #contests: Contests;
  #cancelTick: (() => void) | undefined;
  #isClosed = false;

  private constructor(options: HostOptions, lock: Lock) {
    const { engine, room, bring, bytes = MOST_BYTES } = options;
    this.#options = options;
    this.#lock = lock;
    this.#most = room ?? 64 + 32 * engine.slotCount;
    this.#holding = new Holding(options);
    this.#mostBytes = bytes;
    this.#contests = new Contests(options.driverOf, engine.clock);
    const { store, clock } = engine;
    this.#kept = new KeptOffers({ store, bring, clock, mayHold: (more) => this.#bytes + more <= bytes });
  }

  /** Gives what died with an earlier agent of this home its receipts. Throws `AGENT_BUSY` if another hosts on it. */
  static async open(options: HostOptions): Promise<Host> {
    const { paths } = options.engine;
    // Who opens the home may be putting in order what was left.
    const lock = Lock.tryAcquire(paths.hostedLock, { patience: 1_000 });
    if (lock === undefined) throw new DocketError('AGENT_BUSY', `another agent runs tasks of others on the home ${paths.home}`);
    try {
      await settleOwned(options.engine);
    } catch (error) {
      lock.remove();
      throw error;
    }
    return new Host(options, lock);
  }

  /** Attempts it would take in now. */
  get room(): number {
    const { isFull, drives } = this.#holding;
    if (this.#obstacle() !== undefined || this.#bytes >= this.#mostBytes || isFull) return 0;
    return Math.max(0, this.#most - drives.held);
  }

  get #bytes(): number {
    return this.#holding.bytes + this.#kept.bytes;
  }

  /** Attempts that have not begun. */
  get waiting(): number {
    const { waiting = 0, fetching = 0 } = this.held;
    return waiting + fetching;
  }

  /** Something is held, ends that were not received included. */
  get isBusy(): boolean {
    return this.#holding.drives.held > 0;
  }

  /** How many attempts are where. */
  get held(): Readonly<Partial<Record<Stage['tag'], number>>> {
    return this.#holding.drives.count();
  }

  /** Whether the receipt of a task that is held is still to come. `digest`: of its instruction's CID. */
  expects(digest: Uint8Array): boolean {
    for (const { planned, stage } of this.#holding.drives.attempts())
      if (stage.tag !== 'ended' && Buffer.compare(planned.digest, digest) === 0) return true;
    return false;
  }

  /** `size`: bytes of the message. */
  receive(from: string, message: ToHost, size: number): void {
    if (!this.#isClosed) this.#guarded(() => this.#heard(from, message, size));
  }

  #heard(from: string, message: ToHost, size: number): void {
    switch (message.kind) {
      case 'offer':
        return this.#offered(from, message, size);
      case 'withdraw':
        return this.#withdrawn(from, message);
      case 'received':
        return this.#received(from, message);
    }
  }

  /** What this home cannot do at the moment (its ledger cannot be read) ends neither the agent nor the telling. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (cause) {
      if (!isDocketError(cause)) throw cause;
      this.#holding.fallIll(cause);
    }
  }

  /** Why nothing is taken at the moment. */
  #obstacle(): { readonly why: NotTaken; readonly message: string } | undefined {
    if (this.#options.isDraining()) return { why: 'draining', message: 'the agent takes no new work' };
    const { illness } = this.#holding;
    return illness === undefined ? undefined : { why: 'broken', message: illness };
  }

  #offered(from: string, offer: Offer, size: number): void {
    const { drives } = this.#holding;
    if (!drives.isContested(offer, from)) return this.#letIn(from, offer, size);
    const settle = (isRight: boolean): void => {
      if (this.#isClosed) return;
      if (!isRight) return this.#notMet(from, offer, false);
      drives.concede(offer, from);
      this.#letIn(from, offer, size);
    };
    this.#contests.ask(offer, from, (isRight) => this.#guarded(() => settle(isRight)));
  }

  #letIn(from: string, offer: Offer, size: number): void {
    const { drives, mail } = this.#holding;
    const drive = drives.meet(offer, from);
    if (typeof drive === 'string') return this.#notMet(from, offer, drive === 'full');
    const { bench } = drives.hosted(offer.run);
    bench.weight = offer.weight;
    this.#keepTelling();
    const told: HeldTask[] = [];
    const names = new Set<string>();
    const isNew = (task: OfferedTask | KeptOffer): boolean => {
      // Of two under one name the first counts: what is held has one place.
      if (names.size === names.add(nameOf(task)).size) return false;
      if (drives.know(drive.run, task) === 'held' || this.#kept.has(drive.run, task)) return false;
      if (drives.know(drive.run, task) === 'new' && this.#supersede(drive, task)) return true;
      told.push(heldNot(task, 'overload', 'that attempt is over here'));
      return false;
    };
    const again = [...offer.tasks, ...offer.kept].flatMap((task) => drives.get(drive.run, task) ?? []);
    told.push(...again.flatMap((attempt) => (attempt.stage.tag === 'ended' ? [] : [heldTask(attempt)])));
    told.push(...this.#take(drive, offer.tasks.filter(isNew), size / Math.max(1, offer.tasks.length)));
    for (const kept of offer.kept.filter(isNew)) told.push(...this.#takeKept(drive, kept));
    told.push(...(offer.unread ?? []).filter((task) => !names.has(nameOf(task))).map((task) => this.#unread(task)));
    mail.states(from, drive, told, { isAll: false });
    this.#holding.tellEnds(drive, again);
    bench.dispatch();
  }

  #notMet(from: string, offer: Offer, isFull: boolean): void {
    const { drives, mail } = this.#holding;
    const message = isFull ? 'tasks of too many runs are held' : `epoch ${drives.epochOf(offer.run)} of the run is known, and is another’s`;
    const told = [...offer.tasks, ...offer.kept, ...(offer.unread ?? [])].map((task) => {
      this.#options.counts.notTaken(isFull ? 'overload' : 'epoch');
      return heldNot(task, isFull ? 'overload' : 'refused', message);
    });
    mail.states(from, offer, told, { isAll: false });
  }

  /**
   * An attempt takes the place of earlier ones of the same drive. What a drive before it began goes on, if its result can serve: the attempt is joined to that. False
   * if a later one is held.
   */
  #supersede({ run, epoch }: Drive<Attempt>, name: KeptOffer | OfferedTask): boolean {
    const others = this.#holding.drives.others(run, name);
    if (others.some((other) => other.epoch === epoch && other.attempt > name.attempt)) return false;
    for (const other of others) if (other.epoch === epoch || !other.policy.pure) this.#holding.takeBack(other);
    return true;
  }

  /** What is to be told of them; ends are told by themselves. `size`: bytes of each, more or less. */
  #take(drive: Drive<Attempt>, offered: readonly OfferedTask[], size: number): HeldTask[] {
    if (offered.length === 0) return [];
    const { engine, terms, counts } = this.#options;
    const { room } = this;
    const told = offered.slice(room).map((task) => this.#noRoom(task));
    const home = { ledger: engine.ledger, rest: this.#holding.rest, issuer: engine.key.did, terms, since: this.#holding.claims.now() };
    const known: Attempt[] = [];
    for (const judged of judgeOffered(offered.slice(0, room), { run: drive.run, epoch: drive.epoch, size }, home)) {
      if (judged.kind === 'refused') {
        counts.notTaken('refused');
        told.push(heldNot(judged.task, 'refused', judged.message));
        continue;
      }
      const { attempt } = judged;
      this.#holding.letIn(attempt, judged.kind === 'hit' ? judged.hit : undefined);
      if (judged.kind === 'hit') known.push(attempt);
      else told.push(heldTask(attempt));
    }
    this.#holding.tellEnds(drive, known);
    return told;
  }

  #unread(task: UnreadTask): HeldTask {
    this.#options.counts.notTaken('refused');
    return heldNot(task, 'refused', `it cannot be read: ${task.problem}`);
  }

  #noRoom(task: OfferedTask | KeptOffer): HeldTask {
    const { why = 'overload', message = `the agent holds ${this.#holding.drives.held} tasks of others` } = this.#obstacle() ?? {};
    this.#options.counts.notTaken(why);
    return heldNot(task, 'overload', message);
  }

  /** It is judged like others when it is here. */
  #takeKept(drive: Drive<Attempt>, kept: KeptOffer): HeldTask[] {
    if (this.room === 0 || this.#kept.isFull) return [this.#noRoom(kept)];
    const { run, epoch, coordinator } = drive;
    const tell = (told: readonly HeldTask[]): void => this.#holding.mail.states(drive.coordinator, drive, told, { isAll: false });
    const take = (task: OfferedTask, size: number): void => {
      if (this.#isClosed || this.#holding.drives.find(run) !== drive || drive.epoch !== epoch) return;
      tell(this.#take(drive, [task], size));
      this.#holding.drives.hosted(run).bench.dispatch();
    };
    this.#kept
      .fetch(run, kept, coordinator, (task, size) => this.#guarded(() => take(task, size)))
      .then(
        (hasRoom) => {
          if (!hasRoom) tell([this.#noRoom(kept)]);
        },
        (cause: unknown) => {
          if (isDocketError(cause, 'IPLD_INVALID')) return tell([this.#unread({ ...kept, problem: cause.message })]);
          this.#options.counts.notTaken('unfetched');
          tell([heldNot(kept, 'unfetched', `the offer could not be had: ${cause instanceof Error ? cause.message : String(cause)}`)]);
        },
      );
    return [{ task: kept.task, attempt: kept.attempt, state: 'fetching' }];
  }

  #withdrawn(from: string, message: Withdraw): void {
    const { drives } = this.#holding;
    if (drives.of(message, from) === undefined) return;
    for (const name of message.tasks) {
      const attempt = drives.get(message.run, name);
      if (attempt !== undefined) this.#holding.takeBack(attempt);
      else {
        this.#kept.drop(message.run, name);
        drives.markDone(message.run, name);
      }
    }
    drives.hosted(message.run).bench.dispatch();
  }

  #received(from: string, message: Received): void {
    const { drives } = this.#holding;
    if (drives.of(message, from) === undefined) return;
    for (const name of message.tasks) {
      const attempt = drives.get(message.run, name);
      if (attempt?.stage.tag === 'ended') this.#holding.forget(attempt, { isDone: true });
    }
  }

  #keepTelling(): void {
    if (this.#isClosed) return;
    this.#cancelTick ??= this.#options.engine.clock.after(TELL_EVERY, () => {
      this.#cancelTick = undefined;
      const { drives } = this.#holding;
      for (const drive of drives.all) this.#guarded(() => this.#tell(drive));
      if (drives.all.length > 0) this.#keepTelling();
    });
  }

  #tell(drive: Drive<Attempt>): void {
    const { drives, mail } = this.#holding;
    const hosted = drives.hosted(drive.run);
    const now = drives.now();
    const isGone = this.#options.isGone(drive.coordinator);
    hosted.goneSince = isGone ? (hosted.goneSince ?? now) : undefined;
    const isOver = hosted.goneSince !== undefined && now - hosted.goneSince >= GRACE;
    for (const attempt of [...drive.attempts.values()]) if (isOver || isStale(attempt, now)) this.#holding.letGo(attempt);
    if (isOver) this.#kept.dropAll(drive.run);
    const fetching = this.#kept.held(drive.run);
    hosted.emptySince = drive.attempts.size + fetching.length > 0 ? undefined : (hosted.emptySince ?? now);
    if (hosted.emptySince !== undefined && (isOver || now - hosted.emptySince >= QUIET)) return drives.forget(drive.run);
    if (isGone) return;
    const attempts = [...drive.attempts.values()];
    this.#holding.tellEnds(
      drive,
      attempts.filter(({ stage }) => stage.tag === 'ended' && now - stage.told >= TELL_EVERY),
    );
    mail.states(drive.coordinator, drive, [...attempts.map(heldTask), ...fetching], { isAll: true });
    hosted.bench.dispatch();
  }

  /** Begins nothing more, kills what runs, files it, tells it once. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelTick?.();
    this.#kept.dropAll();
    this.#contests[Symbol.dispose]();
    await this.#holding.close();
    this.#lock.remove();
  }
}

function nameOf({ task, attempt }: AttemptName): string {
  return `${task}/${attempt}`;
}

/** An end that was told for long enough. */
function isStale({ stage, isUnwanted }: Attempt, now: number): boolean {
  return stage.tag === 'ended' && now - stage.since >= (isUnwanted ? TELL_UNWANTED : TELL);
}
