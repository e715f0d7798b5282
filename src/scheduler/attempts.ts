import { backoff } from '../base/backoff.ts';
import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { failureMap } from '../receipt/out.ts';
import type { Failure, Outcome, Usage } from '../receipt/outcome.ts';
import { type Boarded, Boarding } from './boarding.ts';
import type { Crew, PlaceEnd } from './crew.ts';
import { viaName } from './events.ts';
import { RETRYING, type Standing } from './filing.ts';
import { hostTrouble } from './host-trouble.ts';
import { MemberEnds } from './member-ends.ts';
import { Pace } from './pace.ts';
import { Rests } from './rests.ts';
import type { RunContext, Steps } from './run-context.ts';
import { SharedWork } from './shared-work.ts';
import * as State from './state.ts';

/** What only the attempts need of the coordinator. */
interface AttemptSteps extends Steps {
  /** A job is back from its slot: `ended` is to be called in the next turn. */
  back(task: number, end: PlaceEnd, started: number): void;
  /** A task has rested: `rested` is to be called in the next turn. */
  wake(task: number): void;
  /** It is time to look what other commands do: `poll` is to be called in the next turn. */
  due(): void;
  /** A task waited long enough for somebody who could run it: `overdue` is to be called in the next turn. */
  overdue(): void;
  /** There is more to place: `dispatch` is to be called in the next turn. */
  again(): void;
  /** The run cannot go on. */
  fail(cause: unknown): void;
  /** Inputs of a task whose output is not all there. */
  makersOfMissing(task: number): readonly number[];
}

const NO_USAGE: Usage = { wall: 0, cpu: 0, memory: 0, output: 0 };

/**
 * Runs tasks: gives them to free places, the most urgent first, files a receipt for every attempt that ended, and tries again where that is worth it.
 *
 * Invariants
 * A1. An attempt is in the journal before its job is given away, and leaves a receipt when it ends.
 * A2. The receipt of an attempt and the task's row with the attempt's number leave in one commit: what the journal has beyond the row is what was
 *     in flight when this process was killed.
 * A3. What another command of the home does already is not given to a slot (`SharedWork`).
 * A4. A task whose runner died twice is tried again alone in its slot, so that what it does to a runner hits nobody else.
 */
export class Attempts {
  readonly #context: RunContext;
  readonly #steps: AttemptSteps;
  readonly #crew: Crew;
  readonly #boarding: Boarding;
  readonly #members: MemberEnds;
  readonly #pace: Pace;
  readonly #rests: Rests;
  /** Tasks whose row says that their result does not count yet, and of which attempt that is. */
  readonly #held = new Map<number, number>();
  readonly #shared: SharedWork;
  readonly #jobs = new Map<number, AbortController>();
  /** How often a task's runner died. */
  readonly #lost = new Map<number, number>();
  #nextJob = 1;
  #isStopped = false;

  constructor(context: RunContext, crew: Crew, steps: AttemptSteps) {
    const { expected, clock } = context.options;
    this.#context = context;
    this.#crew = crew;
    this.#steps = steps;
    this.#pace = new Pace(expected);
    this.#boarding = new Boarding(context, crew, this.#pace, { ...steps, isAlone: (task) => this.#isAlone(task) });
    this.#members = new MemberEnds(context, crew, {
      finish: (task, result) => steps.finish(task, result),
      refuse: (task, failure) => steps.refuse(task, failure),
      check: (task) => steps.check(task),
      enqueue: (task) => this.enqueue(task),
      fileHeld: (task, result) => this.fileHeld(task, result),
      fileRetry: (task, receipt) => this.#fileStanding(task, RETRYING, receipt),
      kindOf: (task) => this.#boarding.kindOf(task),
      isStopped: () => this.#isStopped,
      conclude: (task, outcome, receipt) => this.#conclude(task, outcome, receipt),
      file: (task, outcome, started) => this.#file(task, outcome, NO_USAGE, started),
      rest: (task, message) => this.#rest(task, message),
      begun: (task) => this.#boarding.begun(task),
      learn: (task, wall) => this.#pace.learn(context.state.plan.tasks[task]!.group, wall),
    });
    this.#rests = new Rests(clock, (task) => steps.wake(task));
    this.#shared = new SharedWork(context, steps);
  }

  /** Jobs with a slot. */
  get running(): number {
    return this.#jobs.size;
  }

  mayRunHere(task: number): boolean {
    return this.#boarding.mayRunHere(task);
  }

  get queued(): number {
    return this.#boarding.size;
  }

  /** As `Steps.backlog`. */
  get backlog(): number {
    return this.#boarding.backlog;
  }

  get isWaitingForCommits(): boolean {
    return this.#boarding.isWaitingForCommits;
  }

  enqueue(task: number): void {
    this.#boarding.enqueue(task);
  }

  rested(task: number): void {
    const { state } = this.#context;
    if (state.status[task] !== State.RESTING) return;
    State.makeReady(state, task);
    this.enqueue(task);
  }

  /** Gives queued tasks to free places, and asks for more places while there are tasks for them. */
  dispatch(): void {
    if (this.#isStopped) return;
    this.#want();
    for (let boarded = this.#boarding.board(); boarded.length > 0; boarded = this.#boarding.board()) {
      const may = this.#shared.claim(boarded.map(({ task }) => task));
      const leaving: Boarded[] = [];
      boarded.forEach((one, i) => {
        if (may[i] === true) leaving.push(one);
        else one.berth.cancel();
      });
      this.#launch(leaving);
    }
    // What was begun elsewhere, or can be begun nowhere now, keeps no slot.
    this.#want();
    if (this.queued === 0) this.#crew.rest();
  }

  #want(): void {
    this.#crew.want(this.#boarding.here + this.#jobs.size);
  }

  #isAlone(task: number): boolean {
    return (this.#lost.get(task) ?? 0) > 1 || this.#members.losses(task) > 1;
  }

  #launch(leaving: readonly Boarded[]): void {
    const { options, state } = this.#context;
    if (leaving.length === 0) return;
    options.flight.started(leaving.map(({ task }) => ({ index: task, attempt: ++state.attempts[task]! })));
    for (const one of leaving) this.#submit(one);
  }

  #submit({ task, berth, module, small }: Boarded): void {
    const { options, state, policies, prepared } = this.#context;
    const { input, key } = prepared.get(task)!;
    const { limits, grants } = policies.of(task);
    const { digest, task: planned } = state.plan.tasks[task]!;
    const { op } = planned.run;
    const { member } = berth;
    options.onEvent({ kind: 'started', task, attempt: state.attempts[task]!, ...(member === undefined ? {} : { member }) });
    const abort = new AbortController();
    this.#jobs.set(task, abort);
    const started = options.clock.now();
    const job = { id: this.#nextJob++, task: digest, op, module, input, limits, grants, seed: key.key, small };
    berth.submit({ task, attempt: state.attempts[task]!, job }, abort.signal).then(
      (end) => this.#steps.back(task, end, started),
      (cause: unknown) => {
        this.#jobs.delete(task);
        this.#steps.fail(cause);
      },
    );
  }

  ended(task: number, end: PlaceEnd, started: number): void {
    const { options, state, outbox } = this.#context;
    this.#jobs.delete(task);
    // What a member says of it is judged first.
    if (end.kind !== 'receipted' && (end.kind !== 'away' || end.hasBegun)) this.#boarding.begun(task);
    switch (end.kind) {
      case 'unstarted':
        options.flight.returned({ index: task, attempt: state.attempts[task]!-- });
        this.#shared.release(task);
        if (this.#isStopped) return this.#steps.finish(task, { status: State.CANCELLED });
        State.makeReady(state, task);
        return this.enqueue(task);
      case 'lost':
        if (end.code === 'lost') this.#lost.set(task, (this.#lost.get(task) ?? 0) + 1);
        return this.#concludeHere(task, { tag: 'error', failure: { code: end.code, message: end.message } }, end.usage, started);
      case 'away':
        return this.#members.away(task, end, started);
      case 'receipted':
        return this.#members.receipted(task, end);
      case 'ended': {
        const { outcome, usage, small, written } = end.end;
        outbox.addBlobs(small, written);
        this.#pace.learn(state.plan.tasks[task]!.group, usage.wall);
        return this.#concludeHere(task, outcome, usage, started);
      }
    }
  }

  /** The end of a task that cannot be run. */
  refuse(task: number, failure: Failure): void {
    const outcome: Outcome = { tag: 'error', failure };
    const receipt = this.#file(task, outcome, NO_USAGE, this.#context.options.clock.now());
    this.#steps.finish(task, { status: State.FAILED, value: failureMap(failure), receipt, via: 'ran' });
  }

  #concludeHere(task: number, outcome: Outcome, usage: Usage, started: number): void {
    this.#conclude(task, outcome, this.#file(task, outcome, usage, started));
  }

  #conclude(task: number, outcome: Outcome, receipt: CID): void {
    if (outcome.tag === 'ok') return this.#steps.finish(task, { status: State.OK, value: outcome.value, receipt, via: 'ran' });
    const { failure } = outcome;
    if (failure.code === 'cancelled') return this.#steps.finish(task, { status: State.CANCELLED });
    const failed: State.Result = { status: State.FAILED, value: failureMap(failure), receipt, via: 'ran' };
    const trouble = hostTrouble(failure);
    if (trouble instanceof DocketError) this.#steps.fail(trouble);
    if (trouble === 'blob' && !this.#isStopped && this.#steps.makersOfMissing(task).length > 0) {
      this.#fileStanding(task, RETRYING, receipt);
      this.#shared.release(task);
      return this.#steps.remake(task, failure);
    }
    if (!this.#isWorthRepeating(task, failure, trouble)) return this.#steps.finish(task, failed);
    this.#fileStanding(task, RETRYING, receipt);
    this.#rest(task, failure.message);
  }

  #isWorthRepeating(task: number, { code }: Failure, trouble: ReturnType<typeof hostTrouble>): boolean {
    const { retry } = this.#context.policies.of(task);
    const kind = code === 'lost' ? !(trouble instanceof DocketError) : retry.onFailure;
    return kind && this.#tried(task) < retry.attempts && !this.#isStopped;
  }

  /** Tries in this drive of the run. */
  #tried(task: number): number {
    const { state } = this.#context;
    return state.attempts[task]! - state.begun[task]! - this.#members.uncounted(task);
  }

  #rest(task: number, message: string): void {
    const { options, state, policies } = this.#context;
    const after = backoff(policies.of(task).retry.backoff, this.#tried(task));
    State.rest(state, task);
    options.onEvent({ kind: 'retrying', task, after, message });
    this.#rests.begin(task, after);
  }

  #file(index: number, outcome: Outcome, usage: Usage, started: number): CID {
    const { state, policies, prepared, filing, outbox } = this.#context;
    const { receipt, changes } = filing.issue({
      index,
      task: state.plan.tasks[index]!,
      policy: policies.of(index),
      outcome,
      usage,
      started,
      attempt: state.attempts[index]!,
      key: prepared.get(index)?.key,
    });
    outbox.file(index, changes);
    return receipt;
  }

  /**
   * The task's row in the ledger, with how it ended and which attempt that was. One that was stopped before it was begun keeps its earlier end, and one that was finished
   * what stands there of it; if that was elsewhere it ran there. What is held stays so.
   */
  fileRow(index: number, result: State.Settled, receipt?: CID): void {
    const { options, state, filing, outbox } = this.#context;
    if (
      result.status === State.CANCELLED &&
      (this.#held.get(index) === state.attempts[index] || this.#context.earlier(index) !== undefined)
    )
      return;
    const row = filing.row(options.run, index, state.plan.tasks[index]!, result, { receipt: receipt ?? null, ...this.#attempted(index) });
    const isFinished = 'via' in result && result.via === 'finished';
    outbox.file(index, [isFinished ? { ...row, via: options.memo.finished?.(index)?.via ?? 'ran' } : row]);
  }

  /** The row of a task whose result does not count yet. */
  fileHeld(index: number, { via, receipt }: Extract<State.Result, { readonly receipt: CID }>): void {
    this.#held.set(index, this.#context.state.attempts[index]!);
    this.#fileStanding(index, { state: 'held', via: viaName(via) }, receipt);
  }

  #fileStanding(index: number, how: Pick<Standing, 'state' | 'via'>, receipt: CID): void {
    const { options, state, filing, outbox } = this.#context;
    const more = { ...how, receipt, ...this.#attempted(index) };
    outbox.file(index, [filing.standing(options.run, index, state.plan.tasks[index]!, more)]);
  }

  /** The key and the number of the last attempt. */
  #attempted(index: number): { readonly key: Uint8Array | null; readonly attempts: number } {
    const { state, prepared } = this.#context;
    return { key: prepared.get(index)?.key.key ?? null, attempts: state.attempts[index]! };
  }

  committed(tasks: readonly number[]): void {
    this.#shared.committed(tasks);
    this.#boarding.committed();
  }

  /** Gives up what waited long enough for somebody who could run it. */
  overdue(): void {
    if (this.#isStopped) return;
    for (const { task, failure } of this.#boarding.overdue()) this.refuse(task, failure);
  }

  /** Looks what other commands have done of the work that is waited for. */
  poll(): void {
    this.#shared.poll();
  }

  /** Starts nothing more; what runs is killed. */
  stop(): void {
    this.#isStopped = true;
    this.#boarding.clear();
    this.#rests.cancelAll();
    this.#shared.stop();
    for (const job of this.#jobs.values()) job.abort();
  }
}
