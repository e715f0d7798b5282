import type { RunEvent } from '../../scheduler/events.ts';
import type { Plan } from '../../workflow/model.ts';
import { visitPromises } from '../../workflow/promise.ts';

/** What progress shows, counted per group of tasks from the events of a run. */
export interface GroupTally {
  readonly name: string;
  readonly size: number;
  ran: number;
  cached: number;
  failed: number;
  skipped: number;
}

type End = 'ran' | 'cached' | 'failed' | 'skipped';

/**
 * Counts a run. A run tells nothing of tasks that nobody had to look at, since all that wants them was found: those are counted as cached as soon
 * as the last one that wants them has ended, as the run's own summary counts them.
 */
export class Tally {
  readonly groups: readonly GroupTally[];
  readonly #plan: Plan;
  readonly #groupOf: readonly GroupTally[];
  /** Tasks with a slot here, in the order they got it. */
  readonly #started = new Set<number>();
  /** Tasks given to other agents, and to whom: each runs or is in its line there, which only that agent knows. */
  readonly #away = new Map<number, string>();
  /** How each task ended so far; a task whose blobs are gone may be run once more and end again. */
  readonly #ends: (End | undefined)[];
  /** How many tasks and outputs that have not ended want each task's result. */
  readonly #wanted: Uint32Array;
  /** Tasks that no longer want anything. */
  readonly #satisfied: Uint8Array;
  /** Tasks that have said what they wait for, a receipt of another workflow, an agent that can run them or their next attempt, and for how long. */
  readonly #awaiting = new Set<number>();
  /** Tasks whose output is being put where it outlives the agents. */
  readonly #resting = new Set<number>();
  settled = 0;
  held = 0;
  /** What was told last of what the run waits for before its first task begins; undefined after that. */
  fetching: Extract<RunEvent, { kind: 'fetching' }> | undefined;

  constructor(plan: Plan) {
    const groups = new Map<string, GroupTally>();
    for (const { name, size } of plan.groups) groups.set(name, { name, size, ran: 0, cached: 0, failed: 0, skipped: 0 });
    this.groups = [...groups.values()];
    this.#plan = plan;
    this.#groupOf = plan.tasks.map((task) => groups.get(task.group)!);
    this.#ends = plan.tasks.map(() => undefined);
    this.#wanted = wantsOf(plan);
    this.#satisfied = new Uint8Array(plan.tasks.length);
  }

  get total(): number {
    return this.#groupOf.length;
  }

  /** Tasks that run here: a slot runs one at a time, and others may be in its line. */
  get running(): number {
    return Math.min(this.#started.size, this.held);
  }

  /** Tasks at other agents, and how many agents these are. */
  get away(): { readonly tasks: number; readonly agents: number } {
    return { tasks: this.#away.size, agents: new Set(this.#away.values()).size };
  }

  get awaiting(): number {
    return this.#awaiting.size;
  }

  get resting(): number {
    return this.#resting.size;
  }

  /** `running` for each group that has any. Those that got their slot first are taken to be the ones that run. */
  runningByGroup(): ReadonlyMap<GroupTally, number> {
    return this.#byGroup(this.#started.keys().take(this.running));
  }

  awayByGroup(): ReadonlyMap<GroupTally, number> {
    return this.#byGroup(this.#away.keys());
  }

  restingByGroup(): ReadonlyMap<GroupTally, number> {
    return this.#byGroup(this.#resting);
  }

  #byGroup(tasks: Iterable<number>): ReadonlyMap<GroupTally, number> {
    const counts = new Map<GroupTally, number>();
    for (const task of tasks) {
      const group = this.#groupOf[task]!;
      counts.set(group, (counts.get(group) ?? 0) + 1);
    }
    return counts;
  }

  add(event: RunEvent): void {
    switch (event.kind) {
      case 'started':
        this.#end(event.task, undefined);
        this.#leave(event.task);
        if (event.member === undefined) this.#started.add(event.task);
        else this.#away.set(event.task, event.member);
        return;
      case 'retrying':
      case 'unplaceable':
        this.#leave(event.task);
        this.#awaiting.add(event.task);
        return;
      case 'moved':
      case 'refused':
        this.#leave(event.task);
        return;
      case 'held':
        this.#leave(event.task);
        this.#resting.add(event.task);
        return;
      case 'awaiting':
        this.#awaiting.add(event.task);
        return;
      case 'fetching':
        this.fetching = event;
        return;
      case 'planned':
        // Also of a coordinator that took over: what the one before it had under way is known no longer.
        for (const underWay of [this.#started, this.#away, this.#awaiting, this.#resting]) underWay.clear();
        this.held = 0;
        this.fetching = undefined;
        return;
      case 'slots':
        this.held = event.held;
        return;
      case 'settled': {
        const { task, state, via } = event;
        this.#leave(task);
        this.#end(task, state === 'ok' ? (via === 'ran' ? 'ran' : 'cached') : state === 'failed' ? 'failed' : 'skipped');
        this.#satisfy(task);
      }
    }
  }

  /** It is where it was no longer. */
  #leave(task: number): void {
    this.#awaiting.delete(task);
    this.#started.delete(task);
    this.#away.delete(task);
    this.#resting.delete(task);
  }

  #end(task: number, end: End | undefined): void {
    const before = this.#ends[task];
    const group = this.#groupOf[task]!;
    if (before !== undefined) group[before]--;
    if (end !== undefined) group[end]++;
    this.settled += (end === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    this.#ends[task] = end;
  }

  /** `task` wants nothing any more; what only it wanted will not be looked at. */
  #satisfy(task: number): void {
    const pending = [task];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (this.#satisfied[next] === 1) continue;
      this.#satisfied[next] = 1;
      for (const input of this.#plan.tasks[next]!.awaits) {
        if (
          --this.#wanted[input.task]! > 0 ||
          this.#ends[input.task] !== undefined ||
          this.#started.has(input.task) ||
          this.#away.has(input.task) ||
          this.#resting.has(input.task)
        )
          continue;
        this.#end(input.task, 'cached');
        pending.push(input.task);
      }
    }
  }
}

function wantsOf(plan: Plan): Uint32Array {
  const wanted = new Uint32Array(plan.tasks.length);
  for (const { awaits } of plan.tasks) for (const { task } of awaits) wanted[task]!++;
  const indices = new Map(plan.tasks.map(({ instruction }, i) => [instruction.toString(), i]));
  visitPromises(Object.values(plan.outputs), ({ instruction }) => {
    const task = indices.get(instruction.toString());
    if (task !== undefined) wanted[task]!++;
  });
  return wanted;
}

export function done(group: GroupTally): number {
  return group.ran + group.cached + group.failed + group.skipped;
}
