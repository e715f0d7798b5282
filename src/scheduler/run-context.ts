import type { CID } from '../ipld/cid.ts';
import type { Failure } from '../receipt/outcome.ts';
import type { Bringing } from './bringing.ts';
import type { CoordinatorOptions, EarlierEnd } from './coordinator-options.ts';
import type { Filing } from './filing.ts';
import type { Lookup } from './lookup.ts';
import type { Outbox } from './outbox.ts';
import type { Policies } from './policies.ts';
import type { Prepared } from './prepared.ts';
import type { Promises } from './promises.ts';
import type { RunKeys } from './run-keys.ts';
import type { Effects, Result, RunState } from './state.ts';
import type { Checking, Voting } from './voting.ts';
import type { TaskSet } from './task-set.ts';

/** What the parts of one coordinator share. */
export interface RunContext {
  readonly options: CoordinatorOptions;
  readonly state: RunState;
  readonly policies: Policies;
  readonly lookup: Lookup;
  readonly promises: Promises;
  readonly runKeys: RunKeys;
  readonly filing: Filing;
  readonly outbox: Outbox;
  /** Tasks whose output is wanted itself: sinks and those the named outputs await. */
  readonly targets: TaskSet;
  /** Longest remaining path of each task, computed when first asked for: the most urgent runs first. */
  readonly priorities: () => Float64Array;
  /** How a task ended by itself in an earlier drive of this run, if it did and was not begun anew. */
  readonly earlier: (task: number) => EarlierEnd | undefined;
  /** What is known of a task between its look-up and its end. */
  readonly prepared: Map<number, Prepared>;
  /** Tasks whose output must be agreed on; made after what shares this. */
  readonly agreements: () => Voting;
  /** Results of other agents that are run here too; made after what shares this. */
  readonly checks: () => Checking;
  /** Blobs that are elsewhere come here. */
  readonly bringing: Bringing;
}

/** What the parts ask of the coordinator, which alone lets results into the state. */
export interface Steps {
  /** Follows up on a transition. `receipt` is that of the task it settled by a result, if it did. */
  apply(effects: Effects, receipt?: CID): void;
  /** A look-up found the result of an idle task: it is settled. */
  adopt(task: number, hit: Result & { readonly receipt: CID }): void;
  /** The task is settled. */
  finish(task: number, result: Result): void;
  /** It cannot be run at all; that too is an end with a receipt. */
  refuse(task: number, failure: Failure): void;
  /** It is ready and has no result: to be run. */
  enqueue(task: number): void;
  /** How many tasks wait for slots, as far as that is a reason to wait with more. */
  backlog(): number;
  /** Blobs it needs are gone. `why`: how it ends if no task made them. */
  remake(task: number, why: Failure): void;
  /** It is ready once more, to be looked up like others. */
  check(task: number): void;
  /** Looks once more for a result that somebody else may have filed; true if there was one, and it is settled by it. */
  recheck(task: number): boolean;
}
