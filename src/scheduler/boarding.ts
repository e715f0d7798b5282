import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { Failure } from '../receipt/outcome.ts';
import type { Berth, Crew, Wanted } from './crew.ts';
import { gather, type Supplies } from './jobs.ts';
import { Lines } from './lines.ts';
import { blobTrouble, missing, noModule } from './missing.ts';
import type { Pace } from './pace.ts';
import { Patience, type Queue } from './patience.ts';
import type { RunContext, Steps } from './run-context.ts';
import * as State from './state.ts';
import { Kinds, restrict, type TaskKind } from './task-kind.ts';
import { Unplaceable, withinOf } from './unplaceable.ts';

/** A task on its way to a place, with what its job needs. */
export interface Boarded {
  readonly task: number;
  readonly berth: Berth;
  readonly module: CID;
  readonly small: ReadonlyMap<string, Uint8Array>;
}

interface BoardingSteps extends Pick<Steps, 'remake' | 'check'> {
  /** A task has waited long enough for somebody who could run it: `overdue` is to be called in the next turn. */
  overdue(): void;
  /** There is more to do in the next turn. */
  again(): void;
  /** Nothing may share a slot with it. */
  isAlone(task: number): boolean;
}

const ALONE = 'it cannot be run here, and there is nobody else';
const LATE = 'nobody who could run it was there in time';

/** While places are idle for which no task in line is fit, so many times more tasks are named. */
const FURTHER = 64;
/** Tasks for which another place is waited for that are looked at in one turn. */
const MOST_KEPT = 256;
/** How many tasks for each slot wait for a place of which nobody knows how long such tasks take. */
const KEPT = 2;
/** The part of its time that a task waits where all it is near to is busy, and others have nothing else to do. */
const IDLY = 1 / 2;

/**
 * Tasks in line for places, until they have one.
 *
 * Invariants
 * Q1. A task for which there is no place now, or none at all, keeps none of another kind waiting.
 * Q2. What is told to others rests on what is durable: a task some of whose inputs are not committed yet runs here, or waits for the commit.
 * Q3. A task waits for the place that has its bytes while others without them are free (`Patience`): those go to tasks they are nearer to, then to tasks that are near nowhere,
 *     then to those which that place would not begin in time anyway; after its time it goes anywhere. So no place that can run a task is idle for longer than that while there is one.
 * Q4. A task no place could run, or is expected to as it behaves, is set aside, looked at again whenever that may have changed, and given up after its time; at once where nothing
 *     can change. While a place that could is no more than busy its time stands still.
 */
export class Boarding {
  readonly #context: RunContext;
  readonly #crew: Crew;
  readonly #steps: BoardingSteps;
  readonly #pace: Pace;
  readonly #kinds: Kinds;
  readonly #lines: Lines;
  readonly #unplaceable: Unplaceable;
  /** There are no places but those of this home, and what they can run does not change. */
  readonly #isHomeAlone: boolean;
  readonly #patience: Patience;
  /** Tasks that wait for a commit before they are told to others. */
  #uncommitted: number[] = [];

  constructor(context: RunContext, crew: Crew, pace: Pace, steps: BoardingSteps) {
    this.#context = context;
    this.#crew = crew;
    this.#pace = pace;
    this.#steps = steps;
    const { plan, crew: factory, here } = context.options;
    this.#kinds = new Kinds(plan, context.policies, { isPlain: factory === undefined && here === undefined });
    this.#lines = new Lines(context.priorities, (kind) => crew.mayRunHere(kind));
    this.#isHomeAlone = factory === undefined;
    this.#unplaceable = new Unplaceable(context.options.clock, () => steps.overdue(), this.#isHomeAlone);
    this.#patience = new Patience(
      context.options.clock,
      () => steps.again(),
      (kind) => crew.mayRunHere(kind),
    );
  }

  get size(): number {
    return this.#inLine + this.#uncommitted.length;
  }

  /** Tasks that could begin here if a slot of this home were free. */
  get here(): number {
    return this.#lines.here + this.#patience.here;
  }

  /** As `Steps.backlog`. Where none of them is for here, slots of this home may be had for others. */
  get backlog(): number {
    return this.#crew.hasIdle || this.here === 0 ? this.#inLine / FURTHER : this.#inLine;
  }

  get #inLine(): number {
    return this.#lines.size + this.#patience.size;
  }

  get isWaitingForCommits(): boolean {
    return this.#uncommitted.length > 0;
  }

  kindOf(task: number): TaskKind {
    const { agreements, checks, options } = this.#context;
    const kind = this.#kinds.of(task);
    if (checks().isUnderWay(task)) return restrict(kind, { onlyAt: options.issuer });
    return restrict(kind, { notAt: agreements().spoken(task) });
  }

  /** Whether it could be run by this agent itself, as far as its needs go. */
  mayRunHere(task: number): boolean {
    return this.#crew.mayRunHere(this.#kinds.of(task));
  }

  enqueue(task: number): void {
    this.#lines.push(task, this.kindOf(task));
  }

  /** Tasks that have a place now, and what their jobs need. */
  board(): Boarded[] {
    if (!this.#unplaceable.isEmpty) {
      const isPlaceable = (kind: TaskKind): boolean => this.#crew.obstacle(kind) === undefined;
      for (const { task, kind } of this.#unplaceable.release(isPlaceable)) if (this.#isReady(task)) this.#lines.push(task, kind);
    }
    for (const { task, kind } of this.#patience.overdue()) if (this.#isReady(task)) this.#lines.push(task, kind);
    const boarded: Boarded[] = [];
    for (const queue of this.#patience.queues()) if (queue.nearer.isOpen()) this.#serve(queue, boarded);
    this.#visit(boarded);
    if (this.#patience.size > 0 && this.#crew.hasIdle)
      for (const queue of this.#patience.queues()) this.#serve(queue, boarded, queue.tasks.size - this.#keeps(queue));
    return boarded;
  }

  #visit(boarded: Boarded[]): void {
    const obstructed: TaskKind[] = [];
    let kept = 0;
    this.#lines.visit(
      (task, kind) => {
        const mayWait = this.#mayWait(task);
        const wanted = this.#wanted(task, kind, mayWait);
        const berth = this.#find(wanted);
        if (berth !== undefined) return berth;
        const nearer = mayWait ? this.#crew.nearer?.(wanted) : undefined;
        if (nearer !== undefined && kept++ < MOST_KEPT) return nearer;
        if (nearer === undefined && this.#crew.obstacle(kind) !== undefined) obstructed.push(kind);
        return undefined;
      },
      (task, found, kind) => {
        if (typeof found === 'object' && 'patience' in found) this.#patience.keep(task, kind, found);
        else this.#take(task, found, boarded);
      },
    );
    if (kept > MOST_KEPT) this.#steps.again();
    for (const kind of obstructed) this.#setAside(kind);
  }

  /** What was given to somebody before has come back, and does not wait any more. */
  #mayWait(task: number): boolean {
    return this.#crew.nearer !== undefined && this.#context.state.attempts[task] === 0 && this.#patience.has(task);
  }

  /** Those that wait for one place; with `most` at most so many of them, which may go anywhere. */
  #serve({ kind, nearer, tasks }: Queue, boarded: Boarded[], most?: number): void {
    let left = most ?? Number.POSITIVE_INFINITY;
    for (const task of tasks) {
      if (left-- <= 0) return;
      if (!this.#isReady(task)) {
        this.#patience.remove(task);
        continue;
      }
      const wanted = this.#wanted(task, kind, most === undefined);
      const berth = this.#find(wanted);
      if (berth !== undefined) {
        this.#patience.remove(task);
        this.#take(task, berth, boarded);
        continue;
      }
      const other = most === undefined ? this.#crew.nearer?.(wanted) : undefined;
      if (other === undefined || other.place === nearer.place) return;
      this.#patience.keep(task, kind, other);
    }
  }

  /** How many tasks wait there though another place is idle: what it begins so soon that it is not worth fetching the bytes. */
  #keeps({ nearer: { slots, patience }, tasks }: Queue): number {
    const [task] = tasks;
    const { group } = this.#context.state.plan.tasks[task!]!;
    return slots * Math.max(1, Math.floor(this.#pace.within(IDLY * patience, task!, group) ?? KEPT));
  }

  #isReady(task: number): boolean {
    return this.#context.state.status[task] === State.READY;
  }

  #wanted(task: number, kind: TaskKind, mayWait: boolean): Wanted {
    const { options, state } = this.#context;
    const { group } = state.plan.tasks[task]!;
    return {
      task,
      kind,
      depth: this.#pace.depth(task, group),
      depthAway: options.crew === undefined ? 1 : this.#pace.depthAway(task, group),
      alone: this.#steps.isAlone(task),
      mayLeave: options.crew === undefined || this.#isDurable(task),
      mayWait,
    };
  }

  #find(wanted: Wanted): Berth | 'commit' | undefined {
    return this.#crew.berth(wanted) ?? (!wanted.mayLeave && this.#crew.hasIdle ? 'commit' : undefined);
  }

  #isDurable(task: number): boolean {
    const { state, outbox } = this.#context;
    return state.plan.tasks[task]!.awaits.every((input) => !outbox.isPending(input.task));
  }

  #take(task: number, berth: Berth | 'commit', boarded: Boarded[]): void {
    if (berth === 'commit') return void this.#uncommitted.push(task);
    const supplies = this.#isReady(task) ? this.#supply(task, berth.member !== undefined) : undefined;
    if (supplies === undefined) return berth.cancel();
    State.start(this.#context.state, task);
    this.#patience.begun(task);
    boarded.push({ task, berth, ...supplies });
  }

  /** Undefined if something is missing, for want of which the task was sent back. */
  #supply(task: number, away: boolean): Pick<Boarded, 'module' | 'small'> | undefined {
    const { state, policies, prepared, options, bringing } = this.#context;
    const { module } = policies.of(task);
    const { input } = prepared.get(task)!;
    const { rsc } = state.plan.tasks[task]!.task.run;
    const supplies = module === undefined ? { refusal: noModule(rsc) } : this.#gather(module, input, away);
    if ('small' in supplies) return { module: module!, small: supplies.small };
    const { blobs } = options;
    const wanted =
      options.bring === undefined || 'isDamaged' in supplies ? [] : [...blobs.missing(module === undefined ? [input] : [module, input])];
    if (bringing.begin(wanted, () => this.#again(task))) State.rest(state, task);
    else this.#steps.remake(task, supplies.refusal);
    return undefined;
  }

  /** What it needs has come, or will not. */
  #again(task: number): void {
    State.makeReady(this.#context.state, task);
    this.#steps.check(task);
  }

  #gather(
    module: CID,
    input: Ipld,
    away: boolean,
  ): Extract<Supplies, { small: unknown }> | { readonly refusal: Failure; readonly isDamaged?: true } {
    try {
      const supplies = gather(module, input, this.#context.options.blobs, away);
      return 'small' in supplies ? supplies : { refusal: missing(supplies.missing === module ? 'module' : 'blob', supplies.missing) };
    } catch (cause) {
      if (!(cause instanceof DocketError)) throw cause;
      return { refusal: blobTrouble(cause) ?? { code: 'invalid', message: cause.message }, isDamaged: true };
    }
  }

  #setAside(kind: TaskKind): void {
    const why = this.#crew.obstacle(kind);
    if (why === undefined) return;
    const tasks = this.#lines.takeAll(kind);
    const { onEvent } = this.#context.options;
    const fresh = this.#unplaceable.add(kind, tasks, why);
    if (!this.#isHomeAlone) for (const task of fresh) onEvent({ kind: 'unplaceable', task, why, most: withinOf(kind) });
  }

  /** Tasks that have waited long enough for somebody who could run them, and how they end. */
  overdue(): { readonly task: number; readonly failure: Failure }[] {
    return this.#unplaceable
      .overdue()
      .filter(({ task }) => this.#isReady(task))
      .map(({ task, why }) => ({ task, failure: { code: 'unplaceable', message: `${this.#isHomeAlone ? ALONE : LATE}: ${why}` } }));
  }

  /** It had a place, and ran there or may have. */
  begun(task: number): void {
    this.#unplaceable.begun(task);
  }

  /** What tasks rest on may be durable now. */
  committed(): void {
    const waiting = this.#uncommitted;
    this.#uncommitted = [];
    for (const task of waiting) if (this.#isReady(task)) this.enqueue(task);
  }

  clear(): void {
    this.#lines.clear();
    this.#unplaceable.clear();
    this.#patience.clear();
    this.#uncommitted = [];
  }
}
