import type { Ipld } from '../ipld/value.ts';
import { failureOf } from '../receipt/out.ts';
import type { BlobView } from './blob-view.ts';
import type { Counts, RunOutcome, RunSummary, TaskError } from './events.ts';
import { type Given, resolve } from './inputs.ts';
import * as State from './state.ts';

/** The state of the run when it is over, counted and with its outputs resolved. */
export function summarize(run: {
  readonly run: string;
  readonly state: State.RunState;
  readonly stopped: 'no' | 'cancelled' | 'failed';
  readonly conflicts: number;
  readonly given: Given;
  readonly blobs: BlobView;
}): RunSummary {
  const { state, stopped } = run;
  const { outputs, unresolved } = resolveOutputs(run);
  const errors = [...taskErrors(state), ...unresolved];
  return {
    run: run.run,
    state: outcomeOf(state, stopped, unresolved.length > 0),
    tasks: count(state),
    outputs,
    errors,
    conflicts: run.conflicts,
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

function count(state: State.RunState): Counts {
  const counts = { total: state.status.length, ran: 0, cached: 0, failed: 0, skipped: 0, cancelled: 0 };
  for (let i = 0; i < state.status.length; i++) {
    const result = state.results[i];
    if (result === undefined) counts.cached++;
    else if (result.status === State.OK) counts[result.via === 'ran' ? 'ran' : 'cached']++;
    else if (result.status === State.FAILED) counts.failed++;
    else if (result.status === State.SKIPPED) counts.skipped++;
    else counts.cancelled++;
  }
  return counts;
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
    else outputs[name] = found.value;
  }
  if (named.length > 0) return { outputs, unresolved };
  for (const sink of State.sinks(state)) {
    const result = state.results[sink];
    if (result?.status === State.OK) outputs[state.plan.tasks[sink]!.label] = result.value;
  }
  return { outputs, unresolved };
}
