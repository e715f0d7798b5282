import type { TaskPage } from '../../../protocol/records.ts';
import { journaled, type JournaledOptions } from './journaled.ts';
import { passOver } from './pass-over.ts';
import { ranIn } from './plan-view.ts';

/** By the journal of a run: which tasks an earlier drive ran that the last one had no need of. Rows of them are nowhere but at the home of that drive, if it is there. */

/** Who ran it, if it was run; `member` absent: whoever drove the run then. */
export async function ranBefore(
  options: JournaledOptions,
  run: string,
  index: number,
): Promise<{ readonly before?: { readonly member?: string } }> {
  const ran = (await ranTasks(options, run)).get(index);
  return ran === undefined ? {} : { before: ran };
}

/** With those that were run told as such, though without a receipt. */
export async function withRanBefore(options: JournaledOptions, run: string, page: TaskPage): Promise<TaskPage> {
  if (!page.tasks.some(({ via }) => via === 'unneeded')) return page;
  const ran = await ranTasks(options, run);
  const tasks = page.tasks.map((task) => {
    const before = task.via === 'unneeded' ? ran.get(task.index) : undefined;
    return before === undefined ? task : { ...task, state: 'ok', via: 'ran', attempts: 1, agent: before.member ?? null };
  });
  return { ...page, tasks };
}

async function ranTasks(options: JournaledOptions, run: string): Promise<ReturnType<typeof ranIn>> {
  return ranIn((await journaled(options, run).catch(passOver)) ?? []);
}
