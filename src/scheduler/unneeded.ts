import type { Plan } from '../workflow/model.ts';
import { Promises } from './promises.ts';
import * as State from './state.ts';
import { TaskSet } from './task-set.ts';

/** Tasks whose output is wanted itself: those nobody awaits, those the named outputs await, and `more`. */
export function targetsOf(state: State.RunState, promises = new Promises(state), more: readonly number[] = []): TaskSet {
  const targets = new TaskSet(state.plan.tasks.length);
  for (const task of State.sinks(state)) targets.add(task);
  for (const task of promises.tasksOf(state.plan.outputs)) targets.add(task);
  for (const task of more) targets.add(task);
  return targets;
}

/** Tells which tasks nobody needs: they are no targets, and whatever wants them has ended or is not needed either. */
export function unneededTasks(plan: Plan, targets: TaskSet, hasEnded: (task: number) => boolean): (task: number) => boolean {
  const needed = new Uint8Array(plan.tasks.length);
  // A plan holds what is awaited before what awaits it.
  for (let i = plan.tasks.length - 1; i >= 0; i--) {
    if (targets.has(i)) needed[i] = 1;
    if (needed[i] === 1 && !hasEnded(i)) for (const { task } of plan.tasks[i]!.awaits) needed[task] = 1;
  }
  return (task) => needed[task] === 0;
}
