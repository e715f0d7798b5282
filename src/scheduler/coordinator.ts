import { Inbox } from '../base/inbox.ts';
import type { CID } from '../ipld/cid.ts';
import type { CommitResult } from '../ledger/ledger.ts';
import { failureOf } from '../receipt/out.ts';
import { Agreements } from './agreements.ts';
import { Attempts } from './attempts.ts';
import { Bringing } from './bringing.ts';
import type { CoordinatorOptions } from './coordinator-options.ts';
import { contextOf, factsOf } from './context-of.ts';
import type { Crew, PlaceEnd } from './crew.ts';
import { type RunSummary, stateName, viaName } from './events.ts';
import { type Found, Keeping } from './keeping.ts';
import { LocalCrew } from './local-crew.ts';
import { Outbox } from './outbox.ts';
import type { RunContext } from './run-context.ts';
import { Search } from './search.ts';
import * as State from './state.ts';
import { summarize } from './summary.ts';
import { SpotChecks } from './spot-checks.ts';
import { Telling } from './telling.ts';

type Message =
  | { readonly kind: 'ended'; readonly task: number; readonly end: PlaceEnd; readonly started: number }
  | { readonly kind: 'committed'; readonly tasks: readonly number[]; readonly result: CommitResult; readonly commit: number }
  | { readonly kind: 'rested'; readonly task: number }
  | { readonly kind: 'due' }
  | { readonly kind: 'overdue' }
  | { readonly kind: 'later'; readonly go: () => void }
  | { readonly kind: 'outsideDue' }
  | { readonly kind: 'crew' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'failFast' }
  | { readonly kind: 'broken'; readonly cause: unknown };

/** Tasks that could run at once if there were slots for them, and those that were given to one. */
export interface Load {
  readonly queued: number;
  readonly running: number;
}

/** While look-ups go on the most urgent task may not be known yet; with this many tasks in line, slots are not kept waiting for it. */
const ENOUGH = 256;

/**
 * Drives one run: looks results up (`Search`), gives what is left to slots (`Attempts`), files receipts (`Outbox`), until everything
 * demanded is settled and filed.
 *
 * It owns the run's state; the outside enters only through the inbox. It may call: the memo source and the blob view (synchronous reads),
 * `commit`, the crew, and the clock.
 *
 * Invariants
 * K1. One loop, one await: between two waits for the inbox everything is synchronous.
 * K2. A result enters the state only with its receipt issued; `commit` of a receipt is asked for at once if anything waits for it,
 *     else within milliseconds (`Outbox`).
 * K3. Pure tasks start on issued receipts; a task with grants starts only when the receipts of all its inputs are committed (`Search`).
 * K4. `run` resolves after every commit has resolved and every end was told, so nothing leaves before it is durable (`Telling`). How the run ended is filed with the last of its tasks, once
 *     everything is settled and no job is out: what comes after that changes nothing of it.
 * K5. While the outbox is full nothing new is looked up or begun, so that a ledger slower than the run does not fill the memory; each
 *     commit wakes the loop.
 * K6. What is to outlive the agents here counts when it does (`Keeping`).
 * K7. Every wait has an end: jobs have time limits in their slot, rests and polls have timers, the crew fails aloud.
 */
export class Coordinator {
  readonly #context: RunContext;
  readonly #search: Search;
  readonly #attempts: Attempts;
  readonly #crew: Crew;
  readonly #agreements: Agreements;
  readonly #checks: SpotChecks;
  readonly #keeping: Keeping;
  readonly #telling: Telling;
  readonly #inbox = new Inbox<Message>();
  #stopping: 'no' | 'cancelled' | 'failed' = 'no';
  #broken: { readonly cause: unknown } | undefined;
  #conflicts = 0;
  #summary: Omit<RunSummary, 'conflicts'> | undefined;

  constructor(options: CoordinatorOptions) {
    const { slots, size, clock } = options;
    const post = (message: Message): void => this.#inbox.post(message);
    const fail = (cause: unknown): void => post({ kind: 'broken', cause });
    const outbox = new Outbox({
      commit: options.commit,
      blobs: options.blobs,
      onCommit: (tasks, result, commit) => post({ kind: 'committed', tasks, result, commit }),
      onFailure: fail,
      onDue: () => this.#inbox.nudge(),
      clock,
    });
    const bringing = new Bringing({
      bring: options.bring,
      blobs: options.blobs,
      onBrought: (go) => post({ kind: 'later', go }),
      onFailure: fail,
      clock,
    });
    this.#context = contextOf(options, outbox, bringing, { agreements: () => this.#agreements, checks: () => this.#checks });
    this.#telling = new Telling({
      onEvent: options.onEvent,
      kept: options.kept,
      standing: (task) => this.#context.state.results[task],
      later: (go) => post({ kind: 'later', go }),
    });
    const local = new LocalCrew({
      source: slots,
      size,
      clock,
      here: options.here,
      self: options.issuer,
      weight: options.weight,
      onChange: () => post({ kind: 'crew' }),
      onFailure: fail,
    });
    this.#crew =
      options.crew === undefined
        ? local
        : options.crew({
            ...{ self: options.issuer, local, tasks: factsOf(this.#context), blobs: options.blobs, clock },
            onChange: () => this.#inbox.nudge(),
          });
    const steps = {
      apply: (effects: State.Effects, receipt?: CID) => this.#apply(effects, receipt),
      adopt: (task: number, hit: Found) => {
        if (!this.#keeping.take(task, hit)) this.#apply(State.adopt(this.#context.state, task, hit), hit.receipt);
      },
      finish: (task: number, result: State.Result) => {
        if (!this.#checks.returned(task, result) && !this.#agreements.returned(task, result)) this.#finish(task, result);
      },
      refuse: (task: number, failure: Parameters<Attempts['refuse']>[1]) => this.#attempts.refuse(task, failure),
      enqueue: (task: number) => this.#attempts.enqueue(task),
      backlog: () => this.#attempts.backlog,
      remake: (task: number, why: Parameters<Attempts['refuse']>[1]) => this.#search.remake(task, why),
      check: (task: number) => this.#search.check(task),
      recheck: (task: number) => this.#search.recheck(task),
    };
    const past = { settle: (task: number, result: State.Result) => this.#finish(task, result), isStopped: () => this.#stopping !== 'no' };
    this.#agreements = new Agreements(this.#context, { ...steps, ...past });
    this.#checks = new SpotChecks(this.#context, {
      ...past,
      enqueue: steps.enqueue,
      mayRunHere: (task) => this.#attempts.mayRunHere(task),
      later: (go) => post({ kind: 'later', go }),
    });
    this.#keeping = new Keeping(this.#context, {
      later: (go) => post({ kind: 'later', go }),
      hold: (task, result) => this.#attempts.fileHeld(task, result),
      settle: (task, result) => this.#settle(task, result),
      refuse: steps.refuse,
      fail,
    });
    this.#search = new Search(this.#context, {
      ...steps,
      outsideDue: () => post({ kind: 'outsideDue' }),
      later: (go) => post({ kind: 'later', go }),
      fail,
    });
    this.#attempts = new Attempts(this.#context, this.#crew, {
      ...steps,
      back: (task, end, started) => post({ kind: 'ended', task, end, started }),
      wake: (task) => post({ kind: 'rested', task }),
      due: () => post({ kind: 'due' }),
      overdue: () => post({ kind: 'overdue' }),
      again: () => this.#inbox.nudge(),
      fail,
      makersOfMissing: (task) => this.#search.makersOfMissing(task),
    });
  }

  get load(): Load {
    return { queued: this.#attempts.queued, running: this.#attempts.running };
  }

  /** Runs to the end. Rejects only if the run itself could not go on (ledger or store failed). */
  async run(): Promise<RunSummary> {
    const { options, targets } = this.#context;
    const { signal, plan, onEvent } = options;
    const cancel = (): void => this.#inbox.post({ kind: 'cancel' });
    signal.addEventListener('abort', cancel);
    if (signal.aborted) cancel();
    try {
      onEvent({ kind: 'planned', total: plan.tasks.length });
      for (const target of targets) this.#search.want(target);
      await this.#loop();
    } finally {
      signal.removeEventListener('abort', cancel);
      await this.#crew[Symbol.asyncDispose]();
    }
    if (this.#broken !== undefined) throw this.#broken.cause;
    return { ...this.#summary!, conflicts: this.#conflicts };
  }

  async #loop(): Promise<void> {
    for (;;) {
      this.#turn();
      if (this.#inbox.isEmpty && this.#isOver()) return;
      if (this.#search.isWorking && !this.#context.outbox.isFull) setImmediate(() => this.#inbox.nudge());
      await this.#inbox.wait();
    }
  }

  /** What fails here (the ledger, the journal) ends the run, but in order: what runs is killed and filed first. */
  #turn(): void {
    try {
      for (const message of this.#inbox.take()) this.#receive(message);
      if (!this.#context.outbox.isFull) {
        this.#search.step();
        if (!this.#search.isWorking || this.#attempts.queued >= ENOUGH) this.#attempts.dispatch();
      }
    } catch (cause) {
      if (this.#broken !== undefined) throw cause;
      this.#broken = { cause };
      this.#stop('failed');
    }
    this.#keeping.step();
    // Long before its last commit is durable a run may need no slot any more.
    if (this.#context.state.open === 0 && this.#search.asking === 0) this.#crew.dismiss();
    if (this.#isSettled) this.#conclude();
    // Whatever waits for a commit: the end of the run, or a task with grants.
    const isAwaited = [this.#search, this.#attempts, this.#keeping].some((part) => part.isWaitingForCommits);
    this.#context.outbox.flush(this.#attempts.running === 0 || isAwaited || this.#stopping !== 'no');
    if (this.#broken !== undefined && this.#context.outbox.pending === 0) this.#telling.lose();
  }

  #isOver(): boolean {
    const { outbox } = this.#context;
    if (outbox.pending > 0 || !this.#telling.isDone) return false;
    return this.#broken === undefined ? this.#summary !== undefined : this.#attempts.running === 0;
  }

  get #isSettled(): boolean {
    const { state, bringing } = this.#context;
    return (
      state.open === 0 && this.#attempts.running === 0 && !this.#search.isWorking && this.#search.asking === 0 && bringing.waiting === 0
    );
  }

  #conclude(): void {
    if (this.#summary !== undefined || this.#broken !== undefined) return;
    const { options, promises, targets, state, earlier, outbox } = this.#context;
    this.#summary = summarize({
      run: options.run,
      state,
      targets,
      earlier,
      stopped: this.#stopping,
      given: (awaited) => promises.given(awaited),
      blobs: options.blobs,
    });
    outbox.fileRest(options.end(this.#summary));
  }

  #receive(message: Message): void {
    switch (message.kind) {
      case 'ended':
        return this.#attempts.ended(message.task, message.end, message.started);
      case 'committed':
        return this.#committed(message.tasks, message.result, message.commit);
      case 'rested':
        return this.#attempts.rested(message.task);
      case 'due':
        return this.#attempts.poll();
      case 'overdue':
        return this.#attempts.overdue();
      case 'later':
        return message.go();
      case 'outsideDue':
        return this.#search.pollOutside();
      case 'crew':
        return this.#context.options.onEvent({ kind: 'slots', held: this.#crew.held });
      case 'cancel':
        return this.#stop('cancelled');
      case 'failFast':
        return this.#stop('failed');
      case 'broken':
        this.#broken ??= { cause: message.cause };
        return this.#stop('failed');
    }
  }

  #committed(tasks: readonly number[], { conflicts }: CommitResult, commit: number): void {
    const { options } = this.#context;
    this.#conflicts += conflicts.length;
    for (const { kept, other } of conflicts) options.onEvent({ kind: 'conflict', kept, other });
    this.#telling.committed(commit);
    this.#search.committed(tasks);
    this.#attempts.committed(tasks);
  }

  #finish(task: number, result: State.Result): void {
    if (this.#stopping === 'no' && this.#keeping.take(task, result)) return;
    if (result.status !== State.OK || !this.#keeping.isFor(task)) return this.#settle(task, result);
    // What was not kept is not told as done.
    if (result.via === 'ran') this.#attempts.fileHeld(task, result);
    this.#settle(task, { status: State.CANCELLED });
  }

  #settle(task: number, result: State.Result): void {
    const { state, prepared } = this.#context;
    const key = prepared.get(task)?.key.key;
    this.#apply(State.settle(state, task, result), 'receipt' in result ? result.receipt : undefined);
    prepared.delete(task);
    this.#search.ended(task, result, key);
  }

  /** Ends the run early: what is not running is cancelled at once, what runs is killed and files its receipt. */
  #stop(how: 'cancelled' | 'failed'): void {
    if (this.#stopping !== 'no') return;
    this.#stopping = how;
    if (how === 'cancelled') this.#telling.hurry();
    this.#context.bringing.stop();
    this.#keeping.stop();
    const twins = this.#search.stop();
    this.#apply(State.cancelPending(this.#context.state));
    for (const twin of twins) this.#finish(twin, { status: State.CANCELLED });
    this.#attempts.stop();
  }

  #apply(effects: State.Effects, receipt?: CID): void {
    const { options, state, outbox } = this.#context;
    for (const task of effects.ready) this.#search.check(task);
    for (const task of effects.settled) {
      const result = state.results[task]!;
      const via = 'via' in result ? viaName(result.via) : null;
      const message = result.status === State.FAILED ? { message: failureOf(result.value).message } : {};
      this.#attempts.fileRow(task, result, 'value' in result ? receipt : undefined);
      const at = options.clock.monotonic();
      this.#telling.settled({ kind: 'settled', task, state: stateName(result.status), via, at, ...message }, result, outbox.commit);
      if (result.status === State.FAILED && options.failFast) this.#inbox.post({ kind: 'failFast' });
    }
  }
}
