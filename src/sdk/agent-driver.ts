import { textOfAgree } from '../workflow/agree.ts';
import { ulid } from 'ulid';
import { systemClock } from '../base/clock.ts';
import { isDocketError } from '../errors.ts';
import type { Records } from '../protocol/records.ts';
import type { Detached, DriveHooks, DriveOptions, Driver, FinishedRun, ResumeOptions } from '../scheduler/driver.ts';
import type { AgentDoor } from '../store/agent-call.ts';
import type { Store } from '../store/store.ts';
import type { Plan } from '../workflow/model.ts';
import { encodePlan } from '../workflow/stored-plan.ts';
import { ask, jsonBody } from './ask.ts';
import { follow } from './follow.ts';
import { isAway } from './lost-run.ts';
import * as View from './views.ts';

/** An agent, what it keeps, and the store that sends to it: its own over the network, or that of the home it shares with us. */
export interface AgentAt {
  readonly door: AgentDoor;
  readonly records: Records;
  readonly store: Pick<Store, 'put'>;
}

/** Has an agent drive runs. They go on without us; `signal` cancels them. */
export function agentDriver(at: AgentAt): Driver {
  return {
    async run(plan, options) {
      return inOrder(plan, await drive(at, await submit(at, plan, options), options));
    },
    async resume(run, plan, options) {
      await takeUp(at, run, options);
      return inOrder(plan, await drive(at, run, options));
    },
  };
}

/** Starts runs and takes them up, and leaves them to the agent. */
export function detachedAt(at: AgentAt): Detached {
  return { start: (plan, options) => submit(at, plan, options), resume: (run, options) => takeUp(at, run, options) };
}

async function takeUp({ door }: AgentAt, run: string, { slots, failFast, awaitTime }: ResumeOptions): Promise<void> {
  await ask(door, { method: 'POST', path: `/v1/runs/${run}/resume`, ...jsonBody({ slots, failFast, awaitTime }) }, View.Started);
}

/** Outputs as the workflow names them: what is kept and sent has an order of its own. */
function inOrder(plan: Plan, finished: FinishedRun): FinishedRun {
  const { outputs } = finished;
  const names = [...new Set([...Object.keys(plan.outputs), ...plan.tasks.map(({ label }) => label)])];
  const known = names.filter((name) => Object.hasOwn(outputs, name)).map((name) => [name, outputs[name]!] as const);
  return { ...finished, outputs: Object.fromEntries(known) };
}

/** How often a plan is sent whose answer does not come. */
const TRIES = 3;

/** Starts a run of a plan; gives its id once it is recorded. It is sent again should the answer be lost, which starts nothing more. */
async function submit(
  { door, store }: AgentAt,
  plan: Plan,
  { slots, force, failFast, awaitTime, agree, weight }: DriveOptions,
): Promise<string> {
  const stored = await store.put(encodePlan(plan));
  const forced = Array.isArray(force) && force.length === 0 ? undefined : force;
  const { headers, ...body } = jsonBody({
    slots,
    force: forced,
    failFast,
    awaitTime,
    agree: agree && textOfAgree(agree),
    weight,
  });
  const call = {
    method: 'POST',
    path: `/v1/plans/${stored.cid}/runs`,
    ...body,
    headers: { ...headers, 'idempotency-key': ulid() },
  } as const;
  for (let tries = 1; ; tries++) {
    try {
      return (await ask(door, call, View.Started)).run;
    } catch (error) {
      if (!isDocketError(error, 'AGENT_UNREACHABLE') || tries === TRIES) throw error;
      await new Promise<void>((resolve) => (door.clock ?? systemClock).after(FIRST_WAIT, resolve));
    }
  }
}

/** Follows a run to its end; `signal` cancels it, which is an end too. */
async function drive(at: AgentAt, run: string, { signal, ...hooks }: DriveHooks): Promise<FinishedRun> {
  const over = new AbortController();
  const cancel = (): void => void cancelUntilHeard(at, run, over.signal);
  if (signal?.aborted === true) cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await follow(at.records, run, hooks);
  } finally {
    signal?.removeEventListener('abort', cancel);
    over.abort();
  }
}

const FIRST_WAIT = 200;
const MOST_WAIT = 2_000;

/** An agent that is away at the moment hears of it when it is back; who follows the run gives up if it stays away. */
async function cancelUntilHeard({ records, door: { clock = systemClock } }: AgentAt, run: string, over: AbortSignal): Promise<void> {
  for (let wait = FIRST_WAIT; !over.aborted; wait = Math.min(2 * wait, MOST_WAIT)) {
    try {
      await records.runs.cancel(run, over);
      return;
    } catch (error) {
      if (!isAway(error)) return;
      await new Promise<void>((resolve) => clock.after(wait, resolve));
    }
  }
}
