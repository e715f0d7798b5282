import type { Clock } from '../../base/clock.ts';
import type { CID } from '../../ipld/cid.ts';
import type { HostedJournal } from '../../ledger/hosted.ts';
import type { WeightedHolder } from '../../ledger/slots.ts';
import type { SlotEnd } from '../../runner/slot.ts';
import type { Berth, PlaceEnd } from '../../scheduler/crew.ts';
import { gather } from '../../scheduler/jobs.ts';
import { LocalCrew, type SlotSource } from '../../scheduler/local-crew.ts';
import { encode } from '../../ipld/dag-cbor.ts';
import type { Attempt } from './host-attempt.ts';
import type { HostClaims } from './host-claims.ts';
import { WaitingQueue } from './host-queue.ts';

/** An attempt that is back from its slot. */
export interface Back {
  /** In the journal. */
  readonly id: number;
  readonly end: Exclude<SlotEnd, { kind: 'unstarted' }>;
  /** Milliseconds since the epoch. */
  readonly started: number;
}

interface Options {
  /** DID of this agent. */
  readonly self: string;
  readonly slots: SlotSource;
  /** Slots it may hold. */
  readonly size: number;
  /** Bytes that all tasks of this agent may need together. */
  readonly memory: number;
  readonly clock: Clock;
  readonly claims: HostClaims;
  readonly journal: HostedJournal;
  /** A blob it needs has gone meanwhile. */
  readonly lack: (attempt: Attempt, blob: CID) => void;
  readonly started: (attempts: readonly Attempt[]) => void;
  /** One that was started holds no slot any more; what became of it is told next. */
  readonly landed: () => void;
  readonly back: (attempt: Attempt, back: Back) => void;
  /** It came back unstarted, and is not wanted any more. */
  readonly gone: (attempt: Attempt) => void;
  /** Nothing can be begun: these were not. */
  readonly fail: (attempts: readonly Attempt[], cause: unknown) => void;
}

interface Boarding {
  readonly attempt: Attempt;
  readonly berth: Berth;
  readonly small: ReadonlyMap<string, Uint8Array>;
}

/** How long attempts are put on their way before others have a turn, in ms: what each needs is gathered, which may be many files. */
const TURN = 50;
/** How long slots are kept without a task, in ms. */
const LINGER = 250;

/**
 * Runs what waits for one drive of another's run, on slots of this home: what `Attempts` is for a run of one's own.
 *
 * Invariants
 * B1. An attempt is in the journal before its job is given away.
 * B2. The most urgent is begun first. One that takes several slots holds back those behind it while slots are gathered for it; while it may not gather, since others
 *     of this process do or it did for too long (C4 of `LocalCrew`), they have their turn. Behind one that waits for memory, those that need none have.
 * B3. All slots of a drive are held by one holder, with its weight, so that drives and runs of this home share by their weights, whoever asks for more.
 * B4. A drive without tasks holds no slot for long.
 */
export class Bench {
  readonly #options: Options;
  readonly #queue = new WaitingQueue<Attempt>();
  readonly #running = new Set<Attempt>();
  readonly #holder: WeightedHolder & { weight: number };
  #crew: LocalCrew | undefined;
  #nextJob = 1;
  #cancelLinger: (() => void) | undefined;
  #isDispatching = false;
  #isStopped = false;

  constructor(options: Options) {
    this.#options = options;
    const isGathering = (): boolean => this.#crew?.isGathering === true;
    this.#holder = {
      weight: 1,
      get isGathering() {
        return isGathering();
      },
    };
  }

  get running(): number {
    return this.#running.size;
  }

  set weight(weight: number) {
    this.#holder.weight = weight;
  }

  enqueue(attempt: Attempt): void {
    attempt.stage = { tag: 'waiting' };
    this.#queue.push(attempt);
  }

  /** It is not to be begun; what runs is killed by its stage. */
  remove(attempt: Attempt): void {
    this.#queue.delete(attempt);
  }

  /** Gives waiting attempts to free slots, and asks for more slots while there are attempts for them. */
  dispatch(): void {
    // What is called on the way may want it once more, and is served by the loop.
    if (this.#isDispatching || this.#isStopped) return;
    this.#isDispatching = true;
    const until = this.#options.clock.monotonic() + TURN;
    try {
      for (let boarding = this.#board(until); boarding.length > 0; boarding = this.#board(until)) {
        this.#embark(boarding);
        if (this.#isLate(until)) {
          this.#options.clock.after(0, () => this.dispatch());
          break;
        }
      }
    } finally {
      this.#isDispatching = false;
    }
    this.#crew?.want(this.#running.size + this.#queue.size);
    if (this.#queue.size > 0) return;
    this.#crew?.rest();
    if (this.#running.size === 0 && this.#crew !== undefined) this.#linger();
  }

  #isLate(until: number): boolean {
    return this.#options.clock.monotonic() >= until;
  }

  #board(until: number): Boarding[] {
    const boarding: Boarding[] = [];
    const passed: (() => void)[] = [];
    for (let attempt = this.#queue.peek(); attempt !== undefined; attempt = this.#queue.peek()) {
      if (boarding.length > 0 && this.#isLate(until)) break;
      const crew = this.#manned(passed.length);
      const { slots, depth, alone } = attempt.offered;
      const berth = crew.berth({ slots, depth, alone, memory: attempt.memory });
      if (berth === undefined) {
        // A slot is idle, so it is memory that it waits for: others may need none.
        const isForMemory = slots === 1 && crew.hasIdle;
        if ((slots === 1 && !isForMemory) || crew.isGathering) break;
        passed.push(this.#queue.setAside(attempt));
        continue;
      }
      this.#queue.pop();
      const supplies = gather(attempt.policy.module, attempt.offered.input, attempt.view);
      if ('small' in supplies) boarding.push({ attempt, berth, small: supplies.small });
      else {
        berth.cancel();
        this.#options.lack(attempt, supplies.missing);
      }
    }
    for (const back of passed) back();
    return boarding;
  }

  /** A crew that has asked for a slot for each attempt; `aside`: those that are out of the queue for a moment. */
  #manned(aside: number): LocalCrew {
    this.#cancelLinger?.();
    this.#cancelLinger = undefined;
    const { self, slots, clock, size, memory } = this.#options;
    const crew = (this.#crew ??= new LocalCrew({
      self,
      // Of the home, for this drive's holder.
      source: {
        ...(slots.turns === undefined ? {} : { turns: slots.turns }),
        ...(slots.memory === undefined ? {} : { memory: slots.memory }),
        acquire: (signal) => slots.acquire(signal, this.#holder),
      },
      size,
      memory,
      clock,
      onChange: () => this.dispatch(),
      onFailure: (cause) => this.#broken(cause),
    }));
    crew.want(this.#running.size + this.#queue.size + aside);
    return crew;
  }

  #embark(boarding: readonly Boarding[]): void {
    const { claims, journal, clock } = this.#options;
    const may = claims.claim(boarding.map(({ attempt }) => attempt));
    const leaving: Boarding[] = [];
    boarding.forEach((one, i) => {
      if (may[i] === true) leaving.push(one);
      else one.berth.cancel();
    });
    if (leaving.length === 0) return;
    const started = clock.now();
    let ids: number[];
    try {
      ids = journal.begun(leaving.map(({ attempt }) => begunOf(attempt, started)));
    } catch (cause) {
      for (const { berth } of leaving) berth.cancel();
      this.#options.fail(
        leaving.map(({ attempt }) => attempt),
        cause,
      );
      return;
    }
    leaving.forEach((one, i) => this.#submit(one, ids[i]!, started));
    this.#options.started(leaving.map(({ attempt }) => attempt));
  }

  #submit({ attempt, berth, small }: Boarding, id: number, started: number): void {
    const stop = new AbortController();
    attempt.stage = { tag: 'running', stop };
    this.#running.add(attempt);
    const { planned, policy, offered, key } = attempt;
    const { op } = planned.task.run;
    const { limits, grants, module } = policy;
    const job = {
      id: this.#nextJob++,
      task: planned.digest,
      op,
      module: module!,
      input: offered.input,
      limits,
      grants,
      seed: key.key,
      small,
    };
    void this.#run(attempt, berth.submit({ task: attempt.task, attempt: attempt.attempt, job }, stop.signal), { id, started });
  }

  async #run(
    attempt: Attempt,
    submitted: Promise<PlaceEnd>,
    { id, started }: { readonly id: number; readonly started: number },
  ): Promise<void> {
    const end = await submitted.catch((cause: unknown) => ({ kind: 'broken' as const, cause }));
    this.#running.delete(attempt);
    this.#options.landed();
    try {
      if (end.kind === 'broken') throw end.cause;
      this.#back(attempt, id, end, started);
    } catch (cause) {
      this.#options.fail([attempt], cause);
    }
    this.dispatch();
  }

  #back(attempt: Attempt, id: number, end: PlaceEnd, started: number): void {
    const { journal, claims, back, gone } = this.#options;
    if (end.kind === 'ended' || end.kind === 'lost') return back(attempt, { id, end, started });
    // As if nothing had been; slots of this home give no other end.
    journal.returned(id);
    claims.release(attempt);
    if (attempt.isUnwanted || this.#isStopped) gone(attempt);
    else this.enqueue(attempt);
  }

  /** No slot can be had: what waits goes elsewhere. */
  #broken(cause: unknown): void {
    const waiting: Attempt[] = [];
    for (let attempt = this.#queue.pop(); attempt !== undefined; attempt = this.#queue.pop()) waiting.push(attempt);
    this.#options.fail(waiting, cause);
  }

  #linger(): void {
    this.#cancelLinger ??= this.#options.clock.after(LINGER, () => {
      this.#cancelLinger = undefined;
      if (this.#queue.size > 0 || this.#running.size > 0) return;
      const crew = this.#crew;
      this.#crew = undefined;
      void crew?.[Symbol.asyncDispose]();
    });
  }

  /** Begins nothing more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Gives its slots back; jobs must have ended before. */
  async close(): Promise<void> {
    this.stop();
    this.#queue.clear();
    this.#cancelLinger?.();
    const crew = this.#crew;
    this.#crew = undefined;
    await crew?.[Symbol.asyncDispose]();
  }
}

function begunOf({ planned, offered, attempt }: Attempt, started: number): Parameters<HostedJournal['begun']>[0][number] {
  const { run, cause, meta, prf } = planned.task;
  const { rsc, op, input, nnc } = run;
  const work = encode({ task: { run: { rsc, op, input, nnc }, cause, meta, prf } });
  return { work, module: offered.module, label: offered.label, attempt, started };
}
