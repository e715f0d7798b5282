import type { Records, TaskView } from '../protocol/records.ts';

/** In one question. */
const PAGE = 5_000;

/** Every task of a run, in the order of its plan. */
export async function allTasks({ runs }: Records, run: string): Promise<TaskView[]> {
  const found: TaskView[] = [];
  for (;;) {
    const { tasks, total } = await runs.tasks(run, { from: found.length, limit: PAGE });
    found.push(...tasks);
    if (tasks.length === 0 || found.length >= total) return found;
  }
}
