import { formatDuration } from '../base/units.ts';
import type { Failure } from '../receipt/outcome.ts';
import type { Awaited } from '../workflow/model.ts';
import type { RunContext, Steps } from './run-context.ts';
import * as State from './state.ts';

/** Bounds of the time between two looks, in ms. */
const POLL = { first: 25, last: 500 };

/**
 * Tasks that await instructions which are not in their workflow: results of earlier runs, or of others that go on at the same time.
 *
 * Invariants
 * O1. A task that waits holds neither slot nor claim. Others go on.
 * O2. Every wait ends, at the latest when the time that the run allows is over, counted from its beginning: then the task fails by name, and its
 *     failure is found under no key.
 * O3. What was found once stays the same through the run, whatever is filed meanwhile.
 */
export class Outside {
  readonly #context: RunContext;
  readonly #steps: Pick<Steps, 'refuse' | 'check'> & { readonly due: () => void };
  readonly #waiting = new Map<number, readonly Awaited[]>();
  readonly #until: number;
  #interval = POLL.first;
  #cancelPoll: (() => void) | undefined;

  /** `due` is called when it is time for `poll`. */
  constructor(context: RunContext, steps: Pick<Steps, 'refuse' | 'check'> & { readonly due: () => void }) {
    this.#context = context;
    this.#steps = steps;
    this.#until = context.options.clock.monotonic() + context.options.awaitTime;
  }

  /** Whether a ready task has all it awaits from outside. If not, it waits, and is looked at again when it has. */
  isThere(task: number): boolean {
    const { external } = this.#context.state.plan.tasks[task]!;
    if (external.length === 0) return true;
    const missing = this.#missing(external);
    if (missing.length === 0) return true;
    const { clock, onEvent } = this.#context.options;
    const left = this.#until - clock.monotonic();
    if (left <= 0) this.#steps.refuse(task, this.#failure(missing));
    else {
      State.rest(this.#context.state, task);
      this.#waiting.set(task, missing);
      onEvent({ kind: 'awaiting', task, instructions: missing.map(({ instruction }) => instruction.toString()), most: left });
      this.#pollLater();
    }
    return false;
  }

  /** Looks whether receipts came. */
  poll(): void {
    const { state, options } = this.#context;
    const isOver = options.clock.monotonic() >= this.#until;
    let found = false;
    for (const [task, before] of [...this.#waiting]) {
      const missing = this.#missing(before);
      if (missing.length > 0 && !isOver) continue;
      found = true;
      this.#waiting.delete(task);
      State.makeReady(state, task);
      if (missing.length === 0) this.#steps.check(task);
      else this.#steps.refuse(task, this.#failure(missing));
    }
    this.#interval = found ? POLL.first : Math.min(this.#interval * 1.5, POLL.last);
    if (this.#waiting.size > 0) this.#pollLater();
  }

  /** Waits for nobody any more. */
  stop(): void {
    this.#waiting.clear();
    this.#cancelPoll?.();
    this.#cancelPoll = undefined;
  }

  #missing(awaited: readonly Awaited[]): readonly Awaited[] {
    const { promises, lookup } = this.#context;
    return awaited.filter((one) => !promises.find(one, lookup));
  }

  #pollLater(): void {
    const { clock } = this.#context.options;
    const wait = Math.max(0, Math.min(this.#interval, this.#until - clock.monotonic()));
    this.#cancelPoll ??= clock.after(wait, () => {
      this.#cancelPoll = undefined;
      this.#steps.due();
    });
  }

  #failure([first, ...more]: readonly Awaited[]): Failure {
    const { awaitTime } = this.#context.options;
    const { branch, instruction } = first!;
    const what = branch === 'await/*' ? 'no result' : branch === 'await/ok' ? 'no success' : 'no failure';
    const others = more.length === 0 ? '' : ` (nor ${more.length} more)`;
    return {
      code: 'unresolved',
      message: `${what} of ${instruction}, which is not in the workflow, was filed here within ${formatDuration(awaitTime)}${others}`,
    };
  }
}
