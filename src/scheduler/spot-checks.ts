import type { Prepared } from './prepared.ts';
import type { RunContext, Steps } from './run-context.ts';
import type { FoundResult } from './shared-results.ts';
import * as State from './state.ts';
import type { Checking } from './voting.ts';
import { isWord, outcomeIn, outputOf, tellDissent } from './words.ts';

interface Check {
  readonly result: FoundResult;
  /** As it was when the result came: what it is checked against must be of the same key. */
  readonly prepared: Prepared;
  /** What is done with the result of a task that is not checked. */
  readonly take: () => void;
}

interface CheckSteps extends Pick<Steps, 'enqueue'> {
  /** Whether it could be run by this agent itself, as far as its needs go. */
  mayRunHere(task: number): boolean;
  /** The task is settled, past all checks. */
  settle(task: number, result: State.Result): void;
  /** `go` is to be called in the next turn. */
  later(go: () => void): void;
  isStopped(): boolean;
}

/**
 * Results of other agents that are checked by running the task here once more before they count, whether they were found in the mesh or given to this run.
 *
 * Invariants
 * D1. What is checked is under no key and settles nothing until the run here has ended. That counts: this agent believes itself.
 * D2. Nothing is compared but what a run here gave, of the same key: no hit answers a check, for whoever filed that may be the liar.
 * D3. A task is checked once at most. If its run here says nothing of the output, for a limit of this machine or want of what it needs, the result is taken as if it had
 *     not been checked; so a check makes no task fail.
 * D4. A check waits for nothing but what any run here waits for: it is not begun where it could not be run.
 */
export class SpotChecks implements Checking {
  readonly #context: RunContext;
  readonly #steps: CheckSteps;
  /** Whether a task is to be checked, where that was decided. */
  readonly #decided = new Map<number, boolean>();
  readonly #underWay = new Map<number, Check>();

  constructor(context: RunContext, steps: CheckSteps) {
    this.#context = context;
    this.#steps = steps;
  }

  isDue(task: number, issuer: string): boolean {
    const { options, policies, lookup } = this.#context;
    const { mayCheck } = options;
    if (mayCheck === undefined || issuer === options.issuer || !policies.of(task).pure || lookup.isVoted(task)) return false;
    let known = this.#decided.get(task);
    if (known === undefined) this.#decided.set(task, (known = mayCheck(task) && this.#steps.mayRunHere(task)));
    return known;
  }

  isUnderWay(task: number): boolean {
    return this.#underWay.has(task);
  }

  begin(task: number, result: FoundResult, take: () => void): void {
    const { state, filing, prepared, outbox, options } = this.#context;
    outbox.file(task, [filing.underNoKey(result, options.clock.now())]);
    this.#decided.set(task, false);
    if (this.#steps.isStopped()) return this.#steps.settle(task, { status: State.CANCELLED });
    this.#underWay.set(task, { result, prepared: prepared.get(task)!, take });
    State.makeReady(state, task);
    this.#steps.enqueue(task);
  }

  /** A run of it ended. Whether it is not to be settled so. */
  returned(task: number, own: State.Result): boolean {
    const check = this.#underWay.get(task);
    if (check === undefined) return false;
    this.#underWay.delete(task);
    if (!('receipt' in own)) return false;
    // It is not there if the task was refused for want of something.
    const prepared = this.#context.prepared.get(task);
    if (prepared !== undefined && Buffer.compare(prepared.key.key, check.prepared.key.key) !== 0) return false;
    if (prepared === undefined || !isWord(outcomeIn(own))) return this.#giveUp(task, check);
    this.#compare(task, check, own);
    return false;
  }

  #compare(task: number, { result }: Check, own: Extract<State.Result, { readonly receipt: unknown }>): void {
    if (outputOf(outcomeIn(own)) === outputOf(result.outcome)) return;
    const { issuer, cpu } = this.#context.options;
    const { iss, meta } = result.receipt;
    tellDissent(this.#context.options, {
      task,
      issuer: iss,
      receipt: result.cid,
      agreed: [{ issuer, receipt: own.receipt }],
      isProof: cpu !== undefined && cpu === meta.cpu,
    });
  }

  #giveUp(task: number, { result, prepared, take }: Check): true {
    const { options, state, prepared: known } = this.#context;
    if (this.#steps.isStopped()) {
      this.#steps.settle(task, { status: State.CANCELLED });
      return true;
    }
    known.set(task, prepared);
    State.rest(state, task);
    this.#steps.later(() => {
      if (state.status[task] !== State.RESTING) return;
      // It may have been found out meanwhile, by what else it said.
      if (options.trust?.accepts(result.receipt.iss).kind !== 'no') return take();
      State.makeReady(state, task);
      this.#steps.enqueue(task);
    });
    return true;
  }
}
