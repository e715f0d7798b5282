import type { EventView, RunGraph, TaskPage, TaskView } from '../../../protocol/records.ts';
import type { RunRecord } from '../../../protocol/mesh/run-record.ts';
import type { Plan } from '../../../workflow/model.ts';

/** What can be told of the tasks of a run without its coordinator: by its plan, and by what its journal tells of them. */

export function graphOf({ tasks }: Plan): RunGraph {
  return { tasks: tasks.map(({ label, group, awaits }) => ({ label, group, awaits: [...new Set(awaits.map(({ task }) => task))] })) };
}

type Seen = Pick<TaskView, 'state' | 'via' | 'attempts' | 'agent' | 'error'>;

/** How the tasks are doing, as far as these events tell; the newest counts. */
export function seenIn(events: Iterable<EventView>): Map<number, Seen> {
  const seen = new Map<number, Seen>();
  for (const { kind, data } of events) {
    const { task, state, via, attempt, member, message } = JSON.parse(data) as Readonly<Record<string, unknown>>;
    if (typeof task !== 'number') continue;
    const before = seen.get(task);
    if (kind === 'started')
      seen.set(task, {
        state: 'running',
        via: null,
        attempts: typeof attempt === 'number' ? attempt : 1,
        agent: typeof member === 'string' ? member : null,
        error: null,
      });
    else if (kind === 'settled')
      seen.set(task, {
        state: String(state),
        via: typeof via === 'string' ? via : null,
        attempts: before?.attempts ?? 0,
        agent: before?.agent ?? null,
        error: typeof message === 'string' ? message : null,
      });
    // Nobody has it: what ended there was not the end of the task.
    else if (kind === 'unplaceable' && before?.state === 'running') seen.delete(task);
    else if (kind === 'retrying' && before !== undefined)
      seen.set(task, { ...before, state: 'retrying', via: 'ran', error: typeof message === 'string' ? message : null });
    else if (kind === 'held' && before !== undefined) seen.set(task, { ...before, state: 'held', via: 'ran' });
  }
  return seen;
}

const UNDER_WAY: ReadonlySet<string> = new Set(['running', 'retrying', 'held']);

/** Which tasks were run, and ended well, in any drive; and by which member, if not by who drove the run then. */
export function ranIn(events: Iterable<EventView>): Map<number, { readonly member?: string }> {
  const at = new Map<number, { readonly member?: string }>();
  const ran: typeof at = new Map();
  for (const { kind, data } of events) {
    if (kind !== 'started' && kind !== 'settled') continue;
    const { task, state, via, member } = JSON.parse(data) as Readonly<Record<string, unknown>>;
    if (typeof task !== 'number') continue;
    if (kind === 'started') at.set(task, typeof member === 'string' ? { member } : {});
    else if (state === 'ok' && via === 'ran') ran.set(task, at.get(task) ?? {});
  }
  return ran;
}

export function pageOf(
  plan: Plan,
  { state: runState }: Pick<RunRecord, 'state'>,
  seen: ReadonlyMap<number, Seen>,
  { from, limit }: { readonly from: number; readonly limit: number },
): TaskPage {
  const unseen = runState === 'running' ? 'pending' : runState === 'completed' ? 'cached' : 'cancelled';
  const tasks = plan.tasks.slice(from, from + limit).map(({ label, instruction }, i): TaskView => {
    const of = seen.get(from + i) ?? { state: unseen, via: null, attempts: 0, agent: null, error: null };
    const isUnderWay = UNDER_WAY.has(of.state);
    const state = isUnderWay && runState !== 'running' ? unseen : of.state;
    return { index: from + i, label, instruction: instruction.toString(), receipt: null, ...of, state };
  });
  return { tasks, total: plan.tasks.length };
}
