import { ulid } from 'ulid';
import type { Records } from '../protocol/records.ts';
import type { DriveHooks, DriveOptions, Driver, FinishedRun } from '../scheduler/driver.ts';
import type { AgentDoor } from '../store/agent-call.ts';
import type { Store } from '../store/store.ts';
import type { Plan } from '../workflow/model.ts';
import { encodePlan } from '../workflow/stored-plan.ts';
import { ask, jsonBody } from './ask.ts';
import { follow } from './follow.ts';
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
      return await drive(at, await submit(at, plan, options), options);
    },
    async resume(run, _, options) {
      const { slots, failFast } = options;
      await ask(at.door, { method: 'POST', path: `/v1/runs/${run}/resume`, ...jsonBody({ slots, failFast }) }, View.Started);
      return await drive(at, run, options);
    },
  };
}

/** Starts a run of a plan; gives its id once it is recorded. Sending it again, should the first answer be lost, starts nothing more. */
export async function submit({ door, store }: AgentAt, plan: Plan, { slots, force, failFast }: DriveOptions): Promise<string> {
  const stored = await store.put(encodePlan(plan));
  const forced = Array.isArray(force) && force.length === 0 ? undefined : force;
  const { headers, ...body } = jsonBody({ slots, force: forced, failFast });
  const call = {
    method: 'POST',
    path: `/v1/plans/${stored.cid}/runs`,
    ...body,
    headers: { ...headers, 'idempotency-key': ulid() },
  } as const;
  return (await ask(door, call, View.Started)).run;
}

/** Follows a run to its end; `signal` cancels it, which is an end too. */
async function drive({ records }: AgentAt, run: string, { signal, ...hooks }: DriveHooks): Promise<FinishedRun> {
  const cancel = (): void => void records.runs.cancel(run, new AbortController().signal).catch(() => {});
  if (signal?.aborted === true) cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await follow(records, run, hooks);
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
