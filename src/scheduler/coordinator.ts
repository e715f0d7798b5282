import { backoff } from '../base/backoff.ts';
import { Inbox } from '../base/inbox.ts';
import { DocketError } from '../errors.ts';
import type { Ipld } from '../ipld/value.ts';
import type { CommitResult } from '../ledger/ledger.ts';
import type { Key } from '../receipt/key.ts';
import { failureMap, failureOf } from '../receipt/out.ts';
import type { Failure, Outcome, Usage } from '../receipt/outcome.ts';
import type { SlotEnd } from '../runner/slot.ts';
import type { CoordinatorOptions } from './coordinator-options.ts';
import { type Berth, Crew } from './crew.ts';
import { type RunSummary, stateName } from './events.ts';
import { Filing } from './filing.ts';
import { hostTrouble } from './host-trouble.ts';
import { resolve } from './inputs.ts';
import { gather } from './jobs.ts';
import { type Hit, Lookup } from './lookup.ts';
import { Outbox } from './outbox.ts';
import { Pace } from './pace.ts';
import { Policies } from './policies.ts';
import { Promises } from './promises.ts';
import { longestPath, ReadyQueue } from './ready-queue.ts';
import { Rests } from './rests.ts';
import * as State from './state.ts';
import { summarize } from './summary.ts';
import { Twins } from './twins.ts';

type Message =
  | { readonly kind: 'ended'; readonly task: number; readonly end: SlotEnd; readonly started: number }
  | { readonly kind: 'committed'; readonly tasks: readonly number[]; readonly result: CommitResult }
  | { readonly kind: 'rested'; readonly task: number }
  | { readonly kind: 'crew' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'failFast' }
  | { readonly kind: 'broken'; readonly cause: unknown };

/** What is known of a task between its look-up and its end. */
interface Prepared {
  readonly input: Ipld;
  readonly key: Key;
}

const NO_USAGE: Usage = { wall: 0, cpu: 0, memory: 0, output: 0 };
/** Look-ups per turn, so that ends and cancellations are heard in between. */
const BATCH = 256;
/** How often what a task needs is made again for it: a disk that damages every blob must not keep a run going for ever. */
const MOST_REMAKES = 3;

/**
 * Drives one run: looks results up, gives what is left to slots, files receipts, until everything demanded is settled and filed.
 *
 * It owns the run's state; the outside enters only through the inbox. It may call: the memo source and the blob view (synchronous reads),
 * `commit`, the crew, and the clock.
 *
 * Invariants
 * K1. One loop, one await: between two waits for the inbox everything is synchronous.
 * K2. A result enters the state only with its receipt issued; `commit` of a receipt is asked for at once if anything waits for it,
 *     else within milliseconds (`Outbox`).
 * K3. Pure tasks start on issued receipts; a task with grants starts only when the receipts of all its inputs are committed.
 * K4. `run` resolves after every commit has resolved, so nothing leaves before it is durable.
 * K5. Every wait has an end: jobs have time limits in their slot, rests and polls have timers, the crew fails aloud.
 * K6. The receipt of an attempt and the task's row with the attempt's number leave in one commit: what the journal of attempts begun has beyond
 *     the row is what was in flight when this process was killed.
 * K7. Two tasks with the same resolved key never run at the same time in one run: the second waits for the first and takes its result.
 */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #state: State.RunState;
  readonly #policies: Policies;
  readonly #lookup: Lookup;
  readonly #filing: Filing;
  readonly #queue: ReadyQueue;
  readonly #crew: Crew;
  readonly #promises: Promises;
  readonly #pace: Pace;
  /** Tasks whose output is wanted itself: sinks and those the named outputs await. */
  readonly #targets: ReadonlySet<number>;

  #toLook: number[] = [];
  #toCheck: number[] = [];
  readonly #prepared = new Map<number, Prepared>();
  readonly #twins = new Twins();
  readonly #mustRun = new Set<number>();
  readonly #lost = new Map<number, number>();
  readonly #remakes = new Map<number, number>();
  readonly #rests: Rests;
  /** Tasks with grants whose inputs are not committed yet. */
  readonly #parked = new Set<number>();
  readonly #jobs = new Map<number, AbortController>();

  readonly #outbox: Outbox;

  readonly #inbox = new Inbox<Message>();
  #stopping: 'no' | 'cancelled' | 'failed' = 'no';
  #broken: { readonly cause: unknown } | undefined;
  #nextJob = 1;
  #conflicts = 0;

  constructor(options: CoordinatorOptions) {
    const { plan, slots, size, clock } = options;
    this.#options = options;
    this.#state = State.create(plan);
    if (options.begun !== undefined) this.#state.attempts.set(plan.tasks.map((_, i) => options.begun!(i)));
    this.#policies = new Policies(plan, options.semantics);
    this.#lookup = new Lookup(plan, this.#policies, options.memo, options.forced);
    this.#outbox = new Outbox({
      commit: options.commit,
      blobs: options.blobs,
      onCommit: (tasks, result) => this.#inbox.post({ kind: 'committed', tasks, result }),
      onFailure: (cause) => this.#inbox.post({ kind: 'broken', cause }),
      onDue: () => this.#inbox.nudge(),
      clock,
    });
    this.#filing = new Filing(options.signer, this.#lookup, options.version);
    this.#queue = new ReadyQueue(longestPath(plan.tasks, (task) => options.expected(task) ?? 1));
    this.#crew = new Crew({
      source: slots,
      size,
      clock,
      onChange: () => this.#inbox.post({ kind: 'crew' }),
      onFailure: (cause) => this.#inbox.post({ kind: 'broken', cause }),
    });
    this.#rests = new Rests(clock, (task) => this.#inbox.post({ kind: 'rested', task }));
    this.#pace = new Pace(options.expected);
    this.#promises = new Promises(this.#state);
    this.#targets = new Set([...State.sinks(this.#state), ...this.#promises.tasksOf(plan.outputs)]);
  }

  /** Runs to the end. Rejects only if the run itself could not go on (ledger or store failed, an outside promise is unresolved). */
  async run(): Promise<RunSummary> {
    const { signal, plan, onEvent } = this.#options;
    const cancel = (): void => this.#inbox.post({ kind: 'cancel' });
    signal.addEventListener('abort', cancel);
    if (signal.aborted) cancel();
    try {
      this.#promises.findExternal(plan, this.#lookup);
      onEvent({ kind: 'planned', total: plan.tasks.length });
      this.#toLook.push(...this.#targets);
      await this.#loop();
    } finally {
      signal.removeEventListener('abort', cancel);
      await this.#crew[Symbol.asyncDispose]();
    }
    if (this.#broken !== undefined) throw this.#broken.cause;
    return summarize({
      run: this.#options.run,
      state: this.#state,
      stopped: this.#stopping,
      conflicts: this.#conflicts,
      given: (awaited) => this.#promises.given(awaited),
      blobs: this.#options.blobs,
    });
  }

  async #loop(): Promise<void> {
    for (;;) {
      this.#turn();
      const working = this.#toLook.length + this.#toCheck.length > 0;
      if (!working && this.#inbox.isEmpty && this.#isOver()) return;
      if (working) setImmediate(() => this.#inbox.nudge());
      await this.#inbox.wait();
    }
  }

  /** What fails here (the ledger, the journal) ends the run, but in order: what runs is killed and filed first. */
  #turn(): void {
    try {
      this.#takeMessages();
      this.#advance();
      this.#dispatch();
    } catch (cause) {
      if (this.#broken !== undefined) throw cause;
      this.#broken = { cause };
      this.#stop('failed');
    }
    // Whatever waits for a commit: the end of the run, or a task with grants.
    this.#outbox.flush(this.#jobs.size === 0 || this.#parked.size > 0 || this.#stopping !== 'no');
  }

  #isOver(): boolean {
    return this.#outbox.pending === 0 && this.#jobs.size === 0 && (this.#broken !== undefined || this.#state.open === 0);
  }

  #takeMessages(): void {
    for (const message of this.#inbox.take()) {
      switch (message.kind) {
        case 'ended':
          this.#ended(message.task, message.end, message.started);
          break;
        case 'committed':
          this.#committed(message.tasks, message.result);
          break;
        case 'rested':
          if (this.#state.status[message.task] === State.RESTING) {
            State.makeReady(this.#state, message.task);
            this.#queue.push(message.task);
          }
          break;
        case 'crew':
          this.#options.onEvent({ kind: 'slots', held: this.#crew.held });
          break;
        case 'cancel':
          this.#stop('cancelled');
          break;
        case 'failFast':
          this.#stop('failed');
          break;
        case 'broken':
          this.#broken ??= { cause: message.cause };
          this.#stop('failed');
          break;
      }
    }
  }

  /** Looks up what was demanded and what became ready, a batch of each. */
  #advance(): void {
    const look = this.#toLook.splice(0, BATCH).filter((task) => this.#state.status[task] === State.IDLE);
    if (look.length > 0) {
      const hits = this.#lookup.byDeclared(look);
      look.forEach((task, i) => {
        const hit = hits[i];
        if (hit !== undefined && !this.#mustRun.has(task) && this.#isWhole(task, hit.value)) {
          this.#apply(State.adopt(this.#state, task, hit));
        } else this.#demand(task);
      });
    }
    const check = this.#toCheck.splice(0, BATCH).filter((task) => this.#state.status[task] === State.READY);
    if (check.length > 0) this.#check(check);
  }

  #demand(task: number): void {
    this.#apply(State.demand(this.#state, task));
    for (const input of this.#state.plan.tasks[task]!.awaits) {
      if (this.#state.status[input.task] === State.IDLE) this.#toLook.push(input.task);
    }
  }

  /** A hit on a task whose output is wanted counts only if its blobs are there. */
  #isWhole(task: number, value: Ipld): boolean {
    if (!this.#targets.has(task)) return true;
    try {
      return this.#options.blobs.firstMissing(value) === undefined;
    } catch {
      // A damaged tree is as good as a missing one: the task runs again and puts it back.
      return false;
    }
  }

  /** Resolves the inputs of ready tasks, names them by their resolved key, and takes what is already known. */
  #check(tasks: readonly number[]): void {
    const { blobs } = this.#options;
    const keyed: { task: number; key: Uint8Array }[] = [];
    for (const task of tasks) {
      const planned = this.#state.plan.tasks[task]!;
      const policy = this.#policies.of(task);
      const reopened = planned.awaits.find((input) => !State.isSettled(this.#state, input.task));
      if (reopened !== undefined) {
        this.#apply(State.reopen(this.#state, reopened.task, task));
        continue;
      }
      if (!policy.pure && planned.awaits.some((input) => this.#outbox.isPending(input.task))) {
        this.#parked.add(task);
        continue;
      }
      const missing = this.#brokenTree(task, () => {
        const input = resolve(planned.task.run.input, (awaited) => this.#promises.given(awaited), blobs);
        if ('failure' in input) return this.#refuse(task, input.failure);
        const key = this.#lookup.resolvedKey(task, input.value);
        this.#prepared.set(task, { input: input.value, key });
        keyed.push({ task, key: key.key });
      });
      if (missing) continue;
    }
    const hits = this.#lookup.byResolved(keyed);
    keyed.forEach(({ task, key }, i) => {
      const hit = hits[i];
      if (hit !== undefined && !this.#mustRun.has(task) && this.#isWhole(task, hit.value)) return this.#take(task, hit);
      if (this.#policies.of(task).pure && this.#twins.follow(task, key)) State.start(this.#state, task);
      else this.#queue.push(task);
    });
  }

  /** Reading a tree on the way may find it gone or damaged: then its maker runs again. True if so. */
  #brokenTree(task: number, work: () => void): boolean {
    try {
      work();
      return false;
    } catch (cause) {
      if (!(cause instanceof DocketError) || (cause.code !== 'BLOB_MISSING' && cause.code !== 'BLOB_DAMAGED')) throw cause;
      this.#remake(task, cause.message);
      return true;
    }
  }

  #take(task: number, hit: Hit): void {
    this.#outbox.file(task, this.#filing.declare(task, hit.receipt));
    this.#apply(State.settle(this.#state, task, hit));
    this.#prepared.delete(task);
  }

  /** Gives ready tasks to free slots, the most urgent first. */
  #dispatch(): void {
    if (this.#stopping !== 'no') return;
    // While look-ups go on, the most urgent task may not be known yet; slots are only kept waiting for so long.
    if (this.#toLook.length + this.#toCheck.length > 0 && this.#queue.size < BATCH) return;
    this.#crew.want(this.#queue.size + this.#jobs.size);
    for (let task = this.#queue.peek(); task !== undefined; task = this.#queue.peek()) {
      const group = this.#state.plan.tasks[task]!.group;
      const alone = (this.#lost.get(task) ?? 0) > 1;
      const berth = this.#crew.berth({ depth: this.#pace.depth(task, group), alone });
      if (berth === undefined) return;
      this.#queue.pop();
      if (this.#state.status[task] !== State.READY || !this.#launch(task, berth)) berth.cancel();
    }
  }

  #launch(task: number, berth: Berth): boolean {
    const { blobs, clock, flight, onEvent } = this.#options;
    const { input, key } = this.#prepared.get(task)!;
    const policy = this.#policies.of(task);
    let supplies;
    try {
      supplies = gather(policy.module, input, blobs);
    } catch (cause) {
      supplies = { missing: cause };
    }
    if ('missing' in supplies) {
      this.#remake(task, `a blob it needs is not in the store: ${String(supplies.missing)}`);
      return false;
    }
    State.start(this.#state, task);
    const attempt = ++this.#state.attempts[task]!;
    flight(task, attempt, 'started');
    onEvent({ kind: 'started', task, attempt });
    const abort = new AbortController();
    this.#jobs.set(task, abort);
    const started = clock.now();
    const { limits, grants, module } = policy;
    const op = this.#state.plan.tasks[task]!.task.run.op;
    berth
      .submit({ id: this.#nextJob++, op, module: module!, input, limits, grants, seed: key.key, small: supplies.small }, abort.signal)
      .then(
        (end) => this.#inbox.post({ kind: 'ended', task, end, started }),
        (cause: unknown) => {
          this.#jobs.delete(task);
          this.#inbox.post({ kind: 'broken', cause });
        },
      );
    return true;
  }

  #ended(task: number, end: SlotEnd, started: number): void {
    this.#jobs.delete(task);
    switch (end.kind) {
      case 'unstarted':
        this.#options.flight(task, this.#state.attempts[task]!--, 'returned');
        if (this.#stopping !== 'no') return this.#finish(task, { status: State.CANCELLED });
        State.makeReady(this.#state, task);
        this.#queue.push(task);
        return;
      case 'lost':
        if (end.code === 'lost') this.#lost.set(task, (this.#lost.get(task) ?? 0) + 1);
        return this.#conclude(task, { tag: 'error', failure: { code: end.code, message: end.message } }, end.usage, started);
      case 'ended': {
        const { outcome, usage, small, written } = end.end;
        this.#outbox.addBlobs(small, written);
        this.#pace.learn(this.#state.plan.tasks[task]!.group, usage.wall);
        return this.#conclude(task, outcome, usage, started);
      }
    }
  }

  /** An attempt has its outcome: it gets its receipt, and is tried again or settled. */
  #conclude(index: number, outcome: Outcome, usage: Usage, started: number): void {
    const task = this.#state.plan.tasks[index]!;
    const policy = this.#policies.of(index);
    const attempt = this.#state.attempts[index]!;
    const key = this.#prepared.get(index)?.key;
    const { receipt, changes } = this.#filing.issue({ index, task, policy, outcome, usage, started, attempt, key });
    this.#outbox.file(index, changes);
    if (outcome.tag === 'ok') return this.#finish(index, { status: State.OK, value: outcome.value, receipt, via: 'ran' });
    const { code, message } = outcome.failure;
    if (code === 'cancelled') return this.#finish(index, { status: State.CANCELLED });
    const failed: State.Result = { status: State.FAILED, value: failureMap(outcome.failure), receipt, via: 'ran' };
    const trouble = hostTrouble(outcome.failure);
    if (trouble instanceof DocketError) this.#inbox.post({ kind: 'broken', cause: trouble });
    if (trouble === 'blob' && this.#stopping === 'no' && this.#makersOfMissing(index).length > 0) {
      this.#fileRow(index, failed);
      return this.#remake(index, message);
    }
    const worthIt = (code === 'lost' && !(trouble instanceof DocketError)) || (policy.retry.onFailure && key !== undefined);
    const tried = attempt - (this.#options.begun?.(index) ?? 0);
    if (!worthIt || tried >= policy.retry.attempts || this.#stopping !== 'no') return this.#finish(index, failed);
    const after = backoff(policy.retry.backoff, tried);
    this.#fileRow(index, failed);
    State.rest(this.#state, index);
    this.#options.onEvent({ kind: 'retrying', task: index, after, message });
    this.#rests.begin(index, after);
  }

  #finish(task: number, result: State.Result): void {
    const key = this.#prepared.get(task)?.key;
    this.#mustRun.delete(task);
    this.#apply(State.settle(this.#state, task, result));
    this.#prepared.delete(task);
    if (key === undefined) return;
    for (const twin of this.#twins.release(task, key.key)) {
      if (this.#stopping !== 'no') this.#finish(twin, { status: State.CANCELLED });
      else if (result.status === State.OK) this.#take(twin, { ...result, via: 'resolved' });
      else this.#again(twin);
    }
  }

  /** A twin whose leader failed is looked at once more; its own run may fare better. */
  #again(task: number): void {
    State.makeReady(this.#state, task);
    this.#toCheck.push(task);
  }

  /** The task cannot be run at all; that too is an end with a receipt. */
  #refuse(task: number, failure: Failure): void {
    this.#conclude(task, { tag: 'error', failure }, NO_USAGE, this.#options.clock.now());
  }

  /** Blobs this ready task needs are gone: those inputs whose output is incomplete run again, and it waits for them. */
  #remake(task: number, why: string): void {
    const prepared = this.#prepared.get(task);
    this.#prepared.delete(task);
    const makers = this.#makersOfMissing(task);
    const remakes = (this.#remakes.get(task) ?? 0) + 1;
    this.#remakes.set(task, remakes);
    if (makers.length === 0 || remakes > MOST_REMAKES) this.#refuse(task, { code: 'invalid', message: why });
    else
      for (const maker of makers) {
        this.#mustRun.add(maker);
        this.#apply(State.reopen(this.#state, maker, task));
        for (const input of this.#state.plan.tasks[maker]!.awaits) {
          if (this.#state.status[input.task] === State.IDLE) this.#toLook.push(input.task);
        }
      }
    if (prepared !== undefined) for (const twin of this.#twins.release(task, prepared.key.key)) this.#again(twin);
  }

  /** The inputs whose output is not all there, and those being made again already. */
  #makersOfMissing(task: number): number[] {
    return this.#state.plan.tasks[task]!.awaits.map((input) => input.task).filter((input) => !this.#isThere(input));
  }

  #isThere(task: number): boolean {
    if (!State.isSettled(this.#state, task)) return false;
    const result = this.#state.results[task];
    if (result === undefined || !('value' in result)) return true;
    try {
      return this.#options.blobs.firstMissing(result.value) === undefined;
    } catch {
      return false;
    }
  }

  #committed(tasks: readonly number[], result: CommitResult): void {
    for (const { kept, other } of result.conflicts) {
      this.#conflicts++;
      this.#options.onEvent({ kind: 'conflict', kept, other });
    }
    if (this.#parked.size === 0 || tasks.length === 0) return;
    for (const task of this.#parked) if (this.#state.status[task] === State.READY) this.#toCheck.push(task);
    this.#parked.clear();
  }

  /** Ends the run early: what is not running is cancelled at once, what runs is killed and files its receipt. */
  #stop(how: 'cancelled' | 'failed'): void {
    if (this.#stopping !== 'no') return;
    this.#stopping = how;
    this.#queue.clear();
    this.#toLook = [];
    this.#toCheck = [];
    this.#apply(State.cancelPending(this.#state));
    for (const twin of this.#twins.releaseAll()) this.#finish(twin, { status: State.CANCELLED });
    this.#rests.cancelAll();
    for (const job of this.#jobs.values()) job.abort();
  }

  #apply(effects: State.Effects): void {
    for (const task of effects.ready) this.#toCheck.push(task);
    for (const task of effects.settled) {
      const result = this.#state.results[task]!;
      const via = 'via' in result ? result.via : null;
      const message = result.status === State.FAILED ? { message: failureOf(result.value).message } : {};
      this.#options.onEvent({ kind: 'settled', task, state: stateName(result.status), via, ...message });
      this.#fileRow(task, result);
      if (result.status === State.FAILED && this.#options.failFast) this.#inbox.post({ kind: 'failFast' });
    }
  }

  #fileRow(task: number, result: State.Result): void {
    const attempts = this.#state.attempts[task]!;
    const key = this.#prepared.get(task)?.key.key ?? null;
    this.#outbox.file(task, [this.#filing.row(this.#options.run, task, this.#state.plan.tasks[task]!, result, { key, attempts })]);
  }
}
