import { type Ipld, setKey } from '../ipld/value.ts';
import type { RunCounts } from '../workflow/run-state.ts';
import { failureOf } from '../receipt/out.ts';
import type { BlobView } from './blob-view.ts';
import type { RunOutcome, RunSummary, TaskError } from './events.ts';
import { type Given, resolve } from './inputs.ts';
import type { RunContext } from './run-context.ts';
import * as State from './state.ts';
import type { TaskSet } from './task-set.ts';
import { unneededTasks } from './unneeded.ts';

interface Finished {
  readonly run: string;
  readonly state: State.RunState;
  readonly targets: TaskSet;
  readonly earlier: RunContext['earlier'];
  readonly stopped: 'no' | 'cancelled' | 'failed';
  readonly given: Given;
  readonly blobs: BlobView;
}

/** The state of the run when it is over, counted and with its outputs resolved. */
export function summarize(run: Finished): Omit<RunSummary, 'conflicts'> {
  const { state, stopped } = run;
  const { outputs, unresolved } = resolveOutputs(run);
  const errors = [...taskErrors(state), ...(stopped === 'no' || unresolved.length === 0 ? unresolved : [notMade(unresolved.length)])];
  return {
    run: run.run,
    state: outcomeOf(state, stopped, unresolved.length > 0),
    tasks: count(run),
    outputs,
    errors,
  };
}

function outcomeOf(state: State.RunState, stopped: 'no' | 'cancelled' | 'failed', outputMissing: boolean): RunOutcome {
  if (stopped !== 'no') return stopped;
  if (outputMissing) return 'failed';
  if (Object.keys(state.plan.outputs).length > 0) return 'completed';
  return State.sinks(state).every((sink) => isFine(state, sink)) ? 'completed' : 'failed';
}

/** A sink behind a branch that was not taken is no failure. */
function isFine(state: State.RunState, sink: number): boolean {
  const result = state.results[sink];
  return result?.status === State.OK || (result?.status === State.SKIPPED && result.reason === 'branch');
}

/** What was stopped counts as it ended in an earlier drive, if it did. */
function count({ state, targets, earlier }: Pick<Finished, 'state' | 'targets' | 'earlier'>): RunCounts {
  const counts = { total: state.status.length, ran: 0, cached: 0, failed: 0, skipped: 0, cancelled: 0 };
  const stopped = (task: number): keyof RunCounts => STOPPED[earlier(task) ?? 'not'];
  const isUnneeded = unneededTasks(state.plan, targets, (task) => endOf(state.results[task]) !== undefined || earlier(task) === 'ok');
  for (let i = 0; i < state.status.length; i++) {
    const result = state.results[i];
    counts[endOf(result) ?? (result === undefined && isUnneeded(i) ? 'cached' : stopped(i))]++;
  }
  return counts;
}

const STOPPED = { ok: 'cached', failed: 'failed', held: 'cancelled', not: 'cancelled' } as const;

/** Undefined if it was not looked at, or stopped. */
function endOf(result: State.Settled | undefined): 'ran' | 'cached' | 'failed' | 'skipped' | undefined {
  switch (result?.status) {
    case State.OK:
      return result.via === 'ran' ? 'ran' : 'cached';
    case State.FAILED:
      return 'failed';
    case State.SKIPPED:
      return 'skipped';
    default:
      return undefined;
  }
}

function taskErrors(state: State.RunState): TaskError[] {
  const behind = new Map<number, number>();
  for (const result of state.results) {
    if (result?.status === State.SKIPPED) behind.set(result.cause, (behind.get(result.cause) ?? 0) + 1);
  }
  const errors: TaskError[] = [];
  state.results.forEach((result, i) => {
    if (result?.status !== State.FAILED) return;
    const { code, message } = failureOf(result.value);
    errors.push({ task: state.plan.tasks[i]!.label, code, message, skipped: behind.get(i) ?? 0 });
  });
  return errors;
}

/** Of a run that was stopped, that it was says it all. */
function notMade(outputs: number): TaskError {
  const message = `${outputs === 1 ? 'one output was' : `${outputs} outputs were`} not made before the run was stopped`;
  return { task: 'outputs', code: 'output', message, skipped: 0 };
}

function resolveOutputs({ state, given, blobs }: { state: State.RunState; given: Given; blobs: BlobView }): {
  outputs: Record<string, Ipld>;
  unresolved: TaskError[];
} {
  const outputs: Record<string, Ipld> = {};
  const unresolved: TaskError[] = [];
  const named = Object.entries(state.plan.outputs);
  for (const [name, value] of named) {
    const found = resolve(value, given, blobs);
    if ('failure' in found) unresolved.push({ task: `outputs.${name}`, code: 'output', message: found.failure.message, skipped: 0 });
    else setKey(outputs, name, found.value);
  }
  if (named.length > 0) return { outputs, unresolved };
  for (const sink of State.sinks(state)) {
    const result = state.results[sink];
    if (result?.status === State.OK) setKey(outputs, state.plan.tasks[sink]!.label, result.value);
  }
  return { outputs, unresolved };
}
