import type { Records, TaskView } from '../protocol/records.ts';

/** Every task of a run, in the order of its plan. All are asked for at once, since a home makes the whole list for any part of it; an agent gives as many as it does. */
export async function allTasks({ runs }: Records, run: string): Promise<TaskView[]> {
  const found: TaskView[] = [];
  for (;;) {
    const { tasks, total } = await runs.tasks(run, { from: found.length, limit: Number.MAX_SAFE_INTEGER });
    found.push(...tasks);
    if (tasks.length === 0 || found.length >= total) return found;
  }
}
