import type { CID } from '../ipld/cid.ts';
import type { FetchedView } from '../protocol/records.ts';
import type { Agree } from '../workflow/agree.ts';
import type { Plan } from '../workflow/model.ts';
import { NO_COUNTS, type RunCounts } from '../workflow/run-state.ts';
import type { RunEvent, RunSummary } from './events.ts';

export interface FinishedRun extends RunSummary {
  readonly workflow: CID;
  readonly seconds: number;
  /** Failures beside `errors`, of a run that was driven elsewhere. Default 0. */
  readonly moreErrors?: number;
}

export interface DriveOptions {
  /** Slots the run may hold at a time; default: all there are. */
  readonly slots?: number;
  /** Tasks whose earlier results are not used: all, or those of these labels or groups. */
  readonly force?: 'all' | readonly string[];
  /** Stop at the first failure. Default: independent tasks still finish. */
  readonly failFast?: boolean;
  /** How long promises on instructions that are not in the workflow may wait for a receipt, in ms; default a minute. */
  readonly awaitTime?: number;
  /** How many agents must agree on the output of each pure task that says nothing of it itself; only in a mesh. */
  readonly agree?: Agree;
  /** Its share of slots beside that of other runs, each of which has 1 if nothing is said. */
  readonly weight?: number;
}

/** Bounds of a weight. */
export const WEIGHT = { least: 0.01, most: 100 };

export function isWeight(weight: unknown): weight is number {
  return typeof weight === 'number' && weight >= WEIGHT.least && weight <= WEIGHT.most;
}

export const AWAIT_TIME = 60_000;

/** The longest of these that is taken, in ms: a day. */
export const MOST_AWAIT_TIME = 86_400_000;

/** With the agent that drives a run, or tells of it. `mesh`: the one it is in, if it is in one. */
export type Contact =
  | { readonly tag: 'cut'; readonly url: string; readonly mesh: string | undefined }
  | { readonly tag: 'back'; readonly url: string };

export interface DriveHooks {
  /** What was fetched for the run before it began, to be remembered with it. */
  readonly fetched?: readonly FetchedView[];
  readonly onEvent?: (event: RunEvent) => void;
  /** Told its id when it is recorded. */
  readonly onRun?: (run: string) => void;
  /** Told when who drives it is lost, and when it is there again. */
  readonly onContact?: (contact: Contact) => void;
  /** Cancels the run. */
  readonly signal?: AbortSignal;
}

/** Runs plans to their end, in this process or elsewhere. */
export interface Driver {
  run(plan: Plan, options: DriveOptions & DriveHooks): Promise<FinishedRun>;
  /** Takes up a run that is not complete; what it was started with holds where nothing else is said. Throws `RUN_UNKNOWN`, `RUN_BUSY`. */
  resume(run: string, plan: Plan, options: ResumeOptions & DriveHooks): Promise<FinishedRun>;
}

export type ResumeOptions = Pick<DriveOptions, 'slots' | 'failFast' | 'awaitTime'>;

/** Has runs driven by somebody who goes on without us. */
export interface Detached {
  /** Gives the id of the run. */
  start(plan: Plan, options: DriveOptions): Promise<string>;
  resume(run: string, options: ResumeOptions): Promise<void>;
}

/** A run that is complete already, as it ended. */
export function completedRun({ run, workflow, tasks, outputs, created, finished }: CompletedRun): FinishedRun {
  const seconds = ((finished ?? created) - created) / 1000;
  return { run, workflow, state: 'completed', tasks: tasks ?? NO_COUNTS, outputs, errors: [], conflicts: 0, seconds };
}

interface CompletedRun extends Pick<FinishedRun, 'run' | 'workflow' | 'outputs'> {
  readonly tasks: RunCounts | null;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly finished: number | null;
}
