import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { Branch, Plan } from '../workflow/model.ts';

/**
 * The state of one run, in columns, and the only functions that change it. They do no I/O, read no clock and decide nothing about keys,
 * slots or retries: given the same calls they give the same state.
 *
 * Invariants
 * S1. A task moves idle → waiting → ready → running → settled; ready ⇄ running, and running → resting → ready on retries and while another command
 *     does the same work; what is held rests, from wherever it was, until it is settled; only `reopen` takes a settled task back to waiting.
 * S2. `missing[i]` of a waiting task counts the awaited tasks that are not settled; at 0 it is ready or skipped at once.
 * S3. A task that nobody demanded stays idle, and its upstream too: work behind a hit is not even looked at.
 * S4. `open` counts demanded tasks that are not settled; the run is over when it is 0.
 */

export const IDLE = 0;
export const WAITING = 1;
export const READY = 2;
const RUNNING = 3;
export const RESTING = 4;
export const OK = 5;
export const FAILED = 6;
export const SKIPPED = 7;
export const CANCELLED = 8;

/** How an `OK` (or memoized error) came about: run now, found by one of its keys, or finished in an earlier drive of the same run. */
export type Via = 'ran' | 'declared' | 'resolved' | 'finished';

/** What a settled task gave. `cause` is the task whose end made this one skipped. */
export type Settled = Ended | Unrun;

/** The same with the receipt, which is filed at once and not kept: it takes as much memory as all the rest. */
export type Result = (Ended & { readonly receipt: CID }) | Unrun;

interface Ended {
  readonly status: typeof OK | typeof FAILED;
  readonly value: Ipld;
  readonly via: Via;
}

type Unrun =
  | { readonly status: typeof SKIPPED; readonly cause: number; readonly reason: 'failure' | 'branch' }
  | { readonly status: typeof CANCELLED };

export interface RunState {
  readonly plan: Plan;
  readonly status: Uint8Array;
  readonly missing: Uint32Array;
  /** Attempts begun, those of earlier drives of the same run included. */
  readonly attempts: Uint16Array;
  /** Those of earlier drives. */
  readonly begun: Uint16Array;
  /** Dependents of task i: `dependents[offsets[i] … offsets[i + 1]]`. */
  readonly offsets: Uint32Array;
  readonly dependents: Uint32Array;
  readonly results: (Settled | undefined)[];
  /** Of the task that gave something last. */
  last: Ended | undefined;
  open: number;
}

export function create(plan: Plan): RunState {
  const size = plan.tasks.length;
  const offsets = new Uint32Array(size + 1);
  for (const { awaits } of plan.tasks) for (const { task } of awaits) offsets[task + 1]!++;
  for (let i = 0; i < size; i++) offsets[i + 1]! += offsets[i]!;
  const dependents = new Uint32Array(offsets[size]!);
  const next = offsets.slice();
  plan.tasks.forEach(({ awaits }, i) => {
    for (const { task } of awaits) dependents[next[task]!++] = i;
  });
  return {
    plan,
    status: new Uint8Array(size),
    missing: new Uint32Array(size),
    attempts: new Uint16Array(size),
    begun: new Uint16Array(size),
    offsets,
    dependents,
    results: Array.from({ length: size }, () => undefined),
    last: undefined,
    open: 0,
  };
}

function dependentsOf(state: RunState, task: number): Uint32Array {
  return state.dependents.subarray(state.offsets[task], state.offsets[task + 1]);
}

/** Tasks nobody awaits; they and the named outputs are what a run is for. */
export function sinks(state: RunState): number[] {
  const found: number[] = [];
  for (let i = 0; i < state.status.length; i++) if (state.offsets[i] === state.offsets[i + 1]) found.push(i);
  return found;
}

export function isSettled(state: RunState, task: number): boolean {
  return state.status[task]! >= OK;
}

/** What a transition asks of the driver: tasks whose inputs are all there, and tasks that were settled along the way. */
export interface Effects {
  readonly ready: number[];
  readonly settled: number[];
}

function effects(): Effects {
  return { ready: [], settled: [] };
}

/** An idle task is wanted: it waits for its inputs. The driver then demands or looks up those still idle. */
export function demand(state: RunState, task: number): Effects {
  const out = effects();
  if (state.status[task] !== IDLE) return out;
  state.open++;
  wait(state, task, out);
  return out;
}

function wait(state: RunState, task: number, out: Effects): void {
  let missing = 0;
  for (const input of state.plan.tasks[task]!.awaits) if (!isSettled(state, input.task)) missing++;
  state.status[task] = WAITING;
  state.missing[task] = missing;
  if (missing === 0) complete(state, task, out);
}

/** Records how a task ended and lets its dependents know. */
export function settle(state: RunState, task: number, result: Result): Effects {
  const out = effects();
  finish(state, task, result, out);
  return out;
}

/** A look-up found the result of an idle task: settled without having been demanded. */
export function adopt(state: RunState, task: number, result: Result): Effects {
  if (state.status[task] === IDLE) state.open++;
  return settle(state, task, result);
}

function finish(state: RunState, task: number, result: Result, out: Effects): void {
  const queue: [number, Result][] = [[task, result]];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const [done, how] = next;
    if (isSettled(state, done)) continue;
    state.status[done] = how.status;
    state.results[done] = 'via' in how ? kept(state, how) : how;
    state.open--;
    out.settled.push(done);
    for (const dependent of dependentsOf(state, done)) {
      if (state.status[dependent] !== WAITING) continue;
      const blocked = obstacle(state, dependent, done);
      if (blocked !== undefined) queue.push([dependent, blocked]);
      else if (--state.missing[dependent]! === 0) state.status[dependent] = READY;
      if (state.status[dependent] === READY) out.ready.push(dependent);
    }
  }
}

/** Without the receipt. Tasks that one after the other gave the same share their record: many give nothing but their success. */
function kept(state: RunState, { status, value, via }: Ended): Settled {
  const { last } = state;
  if (last === undefined || last.status !== status || last.value !== value || last.via !== via) state.last = { status, value, via };
  return state.last!;
}

/** All inputs are settled: ready, unless one of them took the other branch. */
function complete(state: RunState, task: number, out: Effects): void {
  for (const input of state.plan.tasks[task]!.awaits) {
    const blocked = obstacle(state, task, input.task);
    if (blocked !== undefined) return finish(state, task, blocked, out);
  }
  state.status[task] = READY;
  out.ready.push(task);
}

/** Why `task` cannot run now that `input` is settled, if it cannot. */
function obstacle(state: RunState, task: number, input: number): Unrun | undefined {
  const result = state.results[input]!;
  if (result.status === CANCELLED) return result;
  if (result.status === SKIPPED) return { status: SKIPPED, cause: result.cause, reason: result.reason };
  for (const awaited of state.plan.tasks[task]!.awaits) {
    if (awaited.task !== input || accepts(awaited.branch, result.status)) continue;
    return { status: SKIPPED, cause: input, reason: result.status === FAILED ? 'failure' : 'branch' };
  }
  return undefined;
}

/** Whether a promise of this branch is kept by a task that ended so. */
export function accepts(branch: Branch, status: typeof OK | typeof FAILED): boolean {
  return branch === 'await/*' || (branch === 'await/ok') === (status === OK);
}

/** A ready task is with a slot, or waits for the twin that has the same key. */
export function start(state: RunState, task: number): void {
  state.status[task] = RUNNING;
}

/** A running task rests before its next attempt, or while another command does the same work. */
export function rest(state: RunState, task: number): void {
  state.status[task] = RESTING;
}

/** Earlier drives of the run began so many attempts of it, or more than was known. */
export function begunBefore(state: RunState, task: number, attempts: number): void {
  const more = Math.max(0, attempts - state.attempts[task]!);
  state.attempts[task]! += more;
  state.begun[task]! += more;
}

/** The result of a task is known and does not count yet; it may be one that nobody demanded. */
export function hold(state: RunState, task: number): void {
  if (state.status[task] === IDLE) state.open++;
  state.status[task] = RESTING;
}

/** A running or resting task may be tried again. */
export function makeReady(state: RunState, task: number): void {
  state.status[task] = READY;
}

/** The result of a settled task must be made again, since its blobs are gone: `consumer`, which was ready, waits for it once more. */
export function reopen(state: RunState, task: number, consumer: number): Effects {
  const out = effects();
  if (isSettled(state, task)) {
    state.open++;
    state.results[task] = undefined;
    state.status[task] = WAITING;
    for (const dependent of dependentsOf(state, task)) if (state.status[dependent] === WAITING) state.missing[dependent]!++;
    wait(state, task, out);
  }
  wait(state, consumer, out);
  return out;
}

/** Everything that was demanded and is neither settled nor with a slot ends as cancelled. What nobody demanded stays idle. */
export function cancelPending(state: RunState): Effects {
  const out = effects();
  for (let i = 0; i < state.status.length; i++) {
    if (state.status[i] === IDLE || state.status[i] === RUNNING || isSettled(state, i)) continue;
    state.status[i] = CANCELLED;
    state.results[i] = { status: CANCELLED };
    state.open--;
    out.settled.push(i);
  }
  return out;
}
