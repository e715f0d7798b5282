import { isDocketError } from '../errors.ts';
import { type CID, parse } from '../ipld/cid.ts';
import type { Failure } from '../receipt/outcome.ts';
import { type Durable, durableFromMeta } from '../workflow/durable.ts';
import type { RunContext } from './run-context.ts';
import * as State from './state.ts';

/** A result that came with a receipt. */
export type Found = Extract<State.Result, { readonly receipt: CID }>;

interface KeepingSteps {
  /** `go` is to be called in the next turn. */
  later(go: () => void): void;
  /** It was run, and its result does not count yet. */
  hold(task: number, result: Found): void;
  /** It is kept. */
  settle(task: number, result: Found): void;
  refuse(task: number, failure: Failure): void;
  /** The run cannot go on. */
  fail(cause: unknown): void;
}

/** Outputs that are put at a time: what they name is pinned at once. */
const BATCH = 256;

/**
 * Results of tasks whose output is to outlive the agents that have it.
 *
 * Invariants
 * K1. Such a task is settled, and what awaits it begins, when its output is kept, however its result was found. It rests until then.
 * K2. Nothing is put before its receipt, and the row that says so, are committed: who drives the run may be killed between any two steps, and the next finds the result
 *     and puts it then.
 * K3. One batch at a time; what comes meanwhile is the next. Every wait ends: a batch by itself, all of it when the run is stopped.
 * K4. A result that cannot be kept stays filed as what it is. It is the task that fails, as `unkept`.
 */
export class Keeping {
  readonly #context: RunContext;
  readonly #steps: KeepingSteps;
  readonly #stop = new AbortController();
  readonly #waiting = new Map<number, Found>();
  #isBusy = false;

  constructor(context: RunContext, steps: KeepingSteps) {
    this.#context = context;
    this.#steps = steps;
  }

  get isWaitingForCommits(): boolean {
    return this.#waiting.size > 0 && !this.#isBusy;
  }

  /** Whether its output is to be kept. */
  isFor(task: number): boolean {
    const { options, state } = this.#context;
    return options.keep !== undefined && durableOf(state, task) !== undefined;
  }

  /** Whether it is to be kept first; then it is held. */
  take(task: number, result: State.Result): boolean {
    if (result.status !== State.OK || !this.isFor(task)) return false;
    State.hold(this.#context.state, task);
    this.#context.options.onEvent({ kind: 'held', task });
    if (result.via === 'ran') this.#steps.hold(task, result);
    this.#waiting.set(task, result);
    return true;
  }

  /** Begins with what can be put now. */
  step(): void {
    const { options, state, outbox } = this.#context;
    if (this.#isBusy || this.#waiting.size === 0 || this.#stop.signal.aborted) return;
    const batch: (readonly [number, Found])[] = [];
    for (const entry of this.#waiting) {
      if (!outbox.isPending(entry[0])) batch.push(entry);
      if (batch.length === BATCH) break;
    }
    if (batch.length === 0) return;
    for (const [task] of batch) this.#waiting.delete(task);
    this.#isBusy = true;
    const outputs = batch.map(([task, { value }]) => ({ value, durable: durableOf(state, task)! }));
    options.keep!(outputs, this.#stop.signal).then(
      (ends) => this.#steps.later(() => this.#ended(batch, ends)),
      (cause: unknown) => {
        if (!this.#stop.signal.aborted) this.#steps.fail(cause);
      },
    );
  }

  #ended(batch: readonly (readonly [number, Found])[], ends: readonly (Error | undefined)[]): void {
    if (this.#stop.signal.aborted) return;
    this.#isBusy = false;
    batch.forEach(([task, result], i) => {
      const why = ends[i];
      if (why === undefined) this.#steps.settle(task, result);
      else this.#steps.refuse(task, failureOf(why, result.receipt));
    });
  }

  /** What rests is the coordinator's to settle. */
  stop(): void {
    this.#waiting.clear();
    this.#stop.abort();
  }
}

/** Tasks whose output is wanted itself, by somebody who comes later. */
export function durableTasks({ plan }: Pick<State.RunState, 'plan'>): number[] {
  return plan.tasks.flatMap(({ task }, i) => (durableFromMeta(task.meta) === undefined ? [] : [i]));
}

function durableOf({ plan }: State.RunState, task: number): Durable | undefined {
  return durableFromMeta(plan.tasks[task]!.task.meta);
}

/** What it names as text: as a link the receipt would count as a blob that the failure needs. */
function failureOf(why: Error, receipt: CID): Failure {
  const code = isDocketError(why) ? why.code : undefined;
  const data = { ...(code === undefined ? {} : { code }), receipt: receipt.toString() };
  const because = `${code === undefined ? '' : ` (${code})`}: ${why.message}`;
  return { code: 'unkept', message: `its output could not be put where it outlives this agent${because}`, data };
}

/** The receipt of the result that could not be kept, as the failure tells; undefined for another failure. */
export function unkeptReceipt({ code, data }: Failure): CID | undefined {
  const receipt = data?.['receipt'];
  if (code !== 'unkept' || typeof receipt !== 'string') return undefined;
  try {
    return parse(receipt);
  } catch {
    return undefined;
  }
}
