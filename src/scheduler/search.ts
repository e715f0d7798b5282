import { agreeOf } from './agreements.ts';
import { Fifo } from '../base/fifo.ts';
import type { Ipld } from '../ipld/value.ts';
import type { MemoTable } from '../ledger/ledger.ts';
import type { Failure } from '../receipt/outcome.ts';
import { resolveInput } from './inputs.ts';
import type { Hit } from './lookup.ts';
import { blobTrouble } from './missing.ts';
import { Outside } from './outside.ts';
import { Presence } from './presence.ts';
import { ReadyQueue } from './ready-queue.ts';
import type { RunContext, Steps } from './run-context.ts';
import { SharedLookup } from './shared-lookup.ts';
import type { FoundResult } from './shared-results.ts';
import * as State from './state.ts';
import { Twins } from './twins.ts';

interface SearchSteps extends Steps {
  readonly outsideDue: () => void;
  /** `go` is to be called in the next turn. */
  readonly later: (go: () => void) => void;
  readonly fail: (cause: unknown) => void;
}

/** Look-ups per step, so that ends and cancellations are heard in between. */
const BATCH = 256;
/** Tasks waiting for slots, after which no more are named by their resolved key: each holds its input and that key in memory. */
const AHEAD = 1024;
/** How often what a task needs is made again for it: a disk that damages every blob must not keep a run going for ever. */
const MOST_REMAKES = 3;

/**
 * Finds what is known already: results of demanded tasks by declared key, of ready tasks by resolved key.
 *
 * Invariants
 * S1. A task is looked up by its declared key before anything it awaits is demanded, so work behind a hit is never looked at.
 * S2. A hit on a target counts only if its blobs are all there; elsewhere they are missed when a consumer needs them, and made again then.
 * S3. A task with grants is not resolved before the receipts of all its inputs are committed.
 * S4. Ready tasks are named in the order they would run in, and not all ahead of time: the most urgent first.
 * S5. Two tasks with the same resolved key never both run in one run: the second waits for the first, or takes the result that was issued and not
 *     committed yet. (Other commands on the home: `SharedWork`.)
 */
export class Search {
  readonly #context: RunContext;
  readonly #steps: SearchSteps;
  readonly #toLook = new Fifo<number>();
  readonly #toCheck: ReadyQueue;
  readonly #outside: Outside;
  readonly #twins = new Twins();
  readonly #presence: Presence;
  /** Tasks whose known result is of use only if its blobs are back. */
  readonly #mustRun = new Set<number>();
  readonly #remakes = new Map<number, number>();
  /** Tasks with grants whose inputs are not committed yet. */
  readonly #parked = new Set<number>();
  /** Where there are other agents to be asked. */
  readonly #shared: SharedLookup | undefined;

  constructor(context: RunContext, steps: SearchSteps) {
    this.#context = context;
    this.#steps = steps;
    this.#presence = new Presence(context);
    this.#toCheck = new ReadyQueue(context.priorities);
    this.#outside = new Outside(context, {
      refuse: (task, failure) => steps.refuse(task, failure),
      check: (task) => this.check(task),
      due: () => steps.outsideDue(),
    });
    const { shared } = context.options;
    this.#shared =
      shared &&
      new SharedLookup(context, shared, {
        later: (go) => steps.later(go),
        fail: (cause) => steps.fail(cause),
        answered: (table, task, found) => this.#answered(table, task, found),
      });
  }

  get isWorking(): boolean {
    return (!this.#toLook.isEmpty && this.#shared?.isFull !== true) || this.#mayCheck;
  }

  /** Tasks whose results other agents are asked for. */
  get asking(): number {
    return this.#shared?.waiting ?? 0;
  }

  get #mayCheck(): boolean {
    return this.#toCheck.size > 0 && this.#steps.backlog() < AHEAD && this.#shared?.isFull !== true;
  }

  get isWaitingForCommits(): boolean {
    return this.#parked.size > 0;
  }

  /** An idle task is wanted. */
  want(task: number): void {
    this.#toLook.push(task);
  }

  /** A task became ready. */
  check(task: number): void {
    this.#toCheck.push(task);
  }

  /** Looks up what was wanted and what became ready, a batch of each. */
  step(): void {
    const { state, lookup } = this.#context;
    const look = (this.#shared?.isFull === true ? [] : this.#toLook.take(BATCH)).filter((task) => state.status[task] === State.IDLE);
    if (look.length > 0) {
      const hits = lookup.byDeclared(look);
      look.forEach((task, i) => {
        const hit = hits[i];
        if (hit !== undefined && this.#isUsable(task, hit.value)) this.#steps.adopt(task, hit);
        else if (hit === undefined) {
          if (!this.#askDeclared(task)) this.#demand(task);
        } else if (!this.#presence.bring(hit.value, () => this.want(task))) this.#demandAnew(task);
      });
    }
    const check = (this.#mayCheck ? this.#toCheck.take(BATCH) : []).filter((task) => state.status[task] === State.READY);
    if (check.length > 0) this.#checkAll(check);
    this.#shared?.flush();
  }

  /** Whether the task is not to be demanded now: another agent may know its result, or does. */
  #askDeclared(task: number): boolean {
    const known = this.#shared?.ask('declared', task);
    if (known === undefined) return false;
    if (known !== 'wait') this.#heard(task, known);
    return true;
  }

  #answered(table: MemoTable, task: number, found: readonly FoundResult[]): void {
    const { state } = this.#context;
    if (state.status[task] !== (table === 'declared' ? State.IDLE : State.RESTING)) return;
    if (table === 'declared') return this.#heard(task, found[0]);
    State.makeReady(state, task);
    this.#found(task, found);
  }

  /** What others know of a task that is not demanded yet. A check needs its inputs, as running it does; what was found is found again then. */
  #heard(task: number, found: FoundResult | undefined): void {
    if (found === undefined || this.#context.checks().isDue(task, found.receipt.iss)) this.#demand(task);
    else this.#adopt(task, this.#shared!.adopt('declared', task, found));
  }

  /** What others know of one that is ready. */
  #found(task: number, found: readonly FoundResult[]): void {
    const { state, lookup, agreements, checks, runKeys } = this.#context;
    const [first] = found;
    if (lookup.isVoted(task)) agreements().found(task, found);
    else if (first === undefined) {
      // What is known here of other runs counts now.
      if (!runKeys.comesFirst(task) || !this.recheck(task)) this.#steps.enqueue(task);
    } else {
      const take = (): void => {
        State.makeReady(state, task);
        this.#takeOrRun(task, this.#shared!.adopt('resolved', task, first));
      };
      if (checks().isDue(task, first.receipt.iss)) checks().begin(task, first, take);
      else take();
    }
  }

  /** A result that came by the declared key; its blobs may have to come too. */
  #adopt(task: number, hit: Hit): void {
    const { state } = this.#context;
    if (state.status[task] !== State.IDLE) return;
    if (this.#isUsable(task, hit.value)) this.#steps.adopt(task, hit);
    else if (!this.#presence.bring(hit.value, () => this.#adopt(task, hit))) this.#demandAnew(task);
  }

  /** The same by the resolved key, of a task that is ready. */
  #takeOrRun(task: number, hit: Hit): void {
    const { state } = this.#context;
    if (this.#isUsable(task, hit.value)) return this.#take(task, hit);
    const go = (): void => {
      State.makeReady(state, task);
      this.#takeOrRun(task, hit);
    };
    if (this.#presence.bring(hit.value, go)) return State.rest(state, task);
    this.#tellGone(task);
    this.#steps.enqueue(task);
  }

  /** Its result is known, and of no use. */
  #demandAnew(task: number): void {
    this.#tellGone(task);
    this.#demand(task);
  }

  #tellGone(task: number): void {
    if (!this.#mustRun.has(task)) this.#context.options.onEvent({ kind: 'gone', task });
  }

  #demand(task: number): void {
    this.#steps.apply(State.demand(this.#context.state, task));
    this.#wantInputs(task);
  }

  #wantInputs(task: number): void {
    const { state } = this.#context;
    for (const input of state.plan.tasks[task]!.awaits) if (state.status[input.task] === State.IDLE) this.want(input.task);
  }

  #isUsable(task: number, value: Ipld): boolean {
    return (!this.#mustRun.has(task) && !this.#context.targets.has(task)) || this.#presence.isWhole(value);
  }

  /** Names ready tasks by their resolved keys, and takes what is filed there. */
  #checkAll(tasks: readonly number[]): void {
    const { lookup, prepared, policies, state, checks, runKeys } = this.#context;
    const keyed = tasks.flatMap((task) => {
      if (!this.#prepare(task)) return [];
      if (checks().isUnderWay(task)) {
        this.#steps.enqueue(task);
        return [];
      }
      return [{ task, key: prepared.get(task)!.key.key }];
    });
    const hits = lookup.byResolved(keyed);
    keyed.forEach(({ task, key }, i) => {
      const hit = hits[i];
      // What the run finished elsewhere comes before what this home knows of other runs.
      if (hit?.via === 'resolved' && runKeys.comesFirst(task) && this.#shared?.ask('resolved', task) === 'wait')
        return State.rest(state, task);
      if (hit !== undefined && this.#isUsable(task, hit.value)) return this.#take(task, hit);
      if (hit !== undefined && this.#presence.bring(hit.value, () => this.#again(task))) return State.rest(state, task);
      if (hit !== undefined) this.#tellGone(task);
      const place = policies.of(task).pure ? this.#join(task, key) : 'lead';
      if (place === 'lead') this.#lead(task);
      else if (place === 'follow') State.start(state, task);
      else this.#take(task, place);
    });
  }

  /** It is to run, unless another agent knows its result. */
  #lead(task: number): void {
    const { state, agreements } = this.#context;
    const agree = agreeOf(this.#context, task);
    const askAll = (): boolean => {
      if (this.#shared?.ask('resolved', task) !== 'wait') return false;
      State.rest(state, task);
      return true;
    };
    if (agree !== undefined) agreements().begin(task, agree, askAll);
    else if (!askAll()) this.#steps.enqueue(task);
  }

  #join(task: number, key: Uint8Array): ReturnType<Twins['join']> {
    return this.#twins.join(task, key, (hit) => this.#context.lookup.mayHit(task) && this.#isUsable(task, hit.value));
  }

  /** Looks once more for the result of a task that was about to run; true if there is one, and the task is settled by it. */
  recheck(task: number): boolean {
    const { lookup, prepared } = this.#context;
    const [hit] = lookup.byResolved([{ task, key: prepared.get(task)!.key.key }]);
    if (hit === undefined || !this.#isUsable(task, hit.value)) return false;
    this.#take(task, hit);
    return true;
  }

  /** Resolves the inputs of a ready task. False if it cannot go on now: it waits again, is parked, or was refused. */
  #prepare(task: number): boolean {
    const { options, state, policies, outbox, promises, lookup, prepared, bringing } = this.#context;
    const planned = state.plan.tasks[task]!;
    const reopened = planned.awaits.find((input) => !State.isSettled(state, input.task));
    if (reopened !== undefined) {
      this.#steps.apply(State.reopen(state, reopened.task, task));
      return false;
    }
    if (!this.#outside.isThere(task)) return false;
    if (!policies.of(task).pure && planned.awaits.some((input) => outbox.isPending(input.task))) {
      this.#parked.add(task);
      return false;
    }
    try {
      const input = resolveInput(planned.task.run, (awaited) => promises.given(awaited), options.blobs);
      if ('failure' in input) {
        this.#steps.refuse(task, options.lacks?.(task) ?? input.failure);
        return false;
      }
      prepared.set(task, { input: input.value, key: lookup.resolvedKey(task, input.value), since: options.claims.now() });
      return true;
    } catch (cause) {
      const why = blobTrouble(cause);
      if (why === undefined) throw cause;
      const { unread } = options.blobs;
      if (unread !== undefined && bringing.begin([unread], () => this.#again(task))) State.rest(state, task);
      else this.remake(task, why);
      return false;
    }
  }

  #take(task: number, hit: Hit): void {
    const { outbox, filing, prepared } = this.#context;
    // An error that was memoized stays behind its own key: whoever did not ask for it must not find it.
    if (hit.status === State.OK) outbox.file(task, filing.declare(task, hit.receipt, prepared.get(task)!.key.key));
    this.#steps.finish(task, hit);
  }

  /** Blobs this ready task needs are gone: those inputs whose output is incomplete run again, and it waits for them. */
  remake(task: number, why: Failure): void {
    const { state, prepared } = this.#context;
    const key = prepared.get(task)?.key.key;
    const makers = this.makersOfMissing(task);
    const remakes = (this.#remakes.get(task) ?? 0) + 1;
    this.#remakes.set(task, remakes);
    // Without its key, so that what is missing today is not filed as what this work always gives.
    prepared.delete(task);
    if (makers.length === 0 || remakes > MOST_REMAKES) this.#steps.refuse(task, this.#context.options.lacks?.(task) ?? why);
    else {
      for (const maker of makers) {
        this.#tellGone(maker);
        this.#mustRun.add(maker);
        this.#steps.apply(State.reopen(state, maker, task));
        this.#wantInputs(maker);
      }
    }
    if (key !== undefined) for (const twin of this.#twins.release(task, key)) this.#again(twin);
  }

  /** The inputs whose output is not all there, and those being made again already. */
  makersOfMissing(task: number): number[] {
    const { state } = this.#context;
    return state.plan.tasks[task]!.awaits.map((input) => input.task).filter((input) => {
      const result = state.results[input];
      return !State.isSettled(state, input) || (result !== undefined && 'value' in result && !this.#presence.isSomewhere(result.value));
    });
  }

  /** A task ended: those that waited for it because they have the same key take its result, or are looked at once more. */
  ended(task: number, result: State.Result, key: Uint8Array | undefined): void {
    this.#mustRun.delete(task);
    if (key === undefined) return;
    const hit = result.status === State.OK ? ({ ...result, via: 'resolved' } as const) : undefined;
    for (const twin of this.#twins.release(task, key, hit)) {
      if (hit !== undefined) this.#take(twin, hit);
      else if (result.status === State.CANCELLED) this.#steps.finish(twin, result);
      else this.#again(twin);
    }
  }

  /** A twin whose leader failed and whose own run may fare better, or a task for which blobs were brought. */
  #again(task: number): void {
    State.makeReady(this.#context.state, task);
    this.check(task);
  }

  /** The results of these tasks are found by look-ups now, and parked tasks may have waited for them. */
  committed(tasks: readonly number[]): void {
    const { state, outbox } = this.#context;
    for (const task of tasks) if (!outbox.isPending(task)) this.#twins.committed(task);
    for (const task of this.#parked) if (state.status[task] === State.READY) this.check(task);
    this.#parked.clear();
  }

  /** Looks whether what is awaited from outside of the plan is there. */
  pollOutside(): void {
    this.#outside.poll();
  }

  /** Looks for nothing more; gives the tasks that waited for a twin. */
  stop(): readonly number[] {
    this.#toLook.clear();
    this.#toCheck.clear();
    this.#parked.clear();
    this.#outside.stop();
    this.#shared?.stop();
    return this.#twins.releaseAll();
  }
}
