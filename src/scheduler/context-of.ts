import { agreeOf } from './agreements.ts';
import type { Bringing } from './bringing.ts';
import type { CoordinatorOptions } from './coordinator-options.ts';
import type { TaskFacts } from './crew.ts';
import { Filing } from './filing.ts';
import { durableTasks } from './keeping.ts';
import { Lookup } from './lookup.ts';
import type { Outbox } from './outbox.ts';
import { Policies } from './policies.ts';
import { Promises } from './promises.ts';
import { longestPath } from './ready-queue.ts';
import type { RunContext } from './run-context.ts';
import { RunKeys } from './run-keys.ts';
import * as State from './state.ts';
import { targetsOf } from './unneeded.ts';

/** What a crew is told of the tasks of a run. */
export function factsOf({ options, state, policies, prepared, priorities, agreements }: RunContext): TaskFacts {
  return {
    planned: (task) => state.plan.tasks[task]!,
    input: (task) => prepared.get(task)!.input,
    module: (task) => policies.of(task).module,
    limits: (task) => policies.of(task).limits,
    // A vote is what somebody finds out anew.
    isForced: (task) => options.forced(task) || agreements().has(task),
    priority: (task) => priorities()[task]!,
  };
}

/** What the parts of one coordinator share. `later`: what is made after it. */
export function contextOf(
  options: CoordinatorOptions,
  outbox: Outbox,
  bringing: Bringing,
  later: Pick<RunContext, 'agreements' | 'checks'>,
): RunContext {
  const { plan, begun } = options;
  const state = State.create(plan);
  if (begun !== undefined) for (const i of plan.tasks.keys()) State.begunBefore(state, i, begun(i));
  const policies = new Policies(plan, options.semantics, (cid) => options.blobs.standsFor(cid));
  const isVoted = (task: number): boolean => agreeOf({ options, state, policies }, task) !== undefined;
  const lookup = new Lookup(plan, policies, options.memo, options.forced, isVoted);
  const promises = new Promises(state);
  const runKeys = new RunKeys(options.run, options.movable, { policies, lookup });
  let priorities: Float64Array | undefined;
  return {
    options,
    ...later,
    state,
    policies,
    lookup,
    promises,
    runKeys,
    filing: new Filing(options.issuer, lookup, options.version, { cpu: options.cpu, runKeys }),
    outbox,
    targets: targetsOf(state, promises, options.keep === undefined ? [] : durableTasks(state)),
    priorities: () => (priorities ??= longestPath(plan.tasks, (task) => options.expected(task) ?? 1)),
    earlier: (task) => (state.attempts[task] === state.begun[task] ? options.earlier?.(task) : undefined),
    prepared: new Map(),
    bringing,
  };
}
