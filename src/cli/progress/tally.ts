import type { RunEvent } from '../../scheduler/events.ts';
import type { Plan } from '../../workflow/model.ts';

/** What progress shows, counted per group of tasks from the events of a run. */
export interface GroupTally {
  readonly name: string;
  readonly size: number;
  running: number;
  ran: number;
  cached: number;
  failed: number;
  skipped: number;
}

export class Tally {
  readonly groups: readonly GroupTally[];
  readonly #groupOf: readonly GroupTally[];
  readonly #running = new Set<number>();
  settled = 0;
  ran = 0;
  held = 0;

  constructor(plan: Plan) {
    const groups = new Map<string, GroupTally>();
    for (const { name, size } of plan.groups) groups.set(name, { name, size, running: 0, ran: 0, cached: 0, failed: 0, skipped: 0 });
    this.groups = [...groups.values()];
    this.#groupOf = plan.tasks.map((task) => groups.get(task.group)!);
  }

  get total(): number {
    return this.#groupOf.length;
  }

  add(event: RunEvent): void {
    switch (event.kind) {
      case 'started':
        this.#running.add(event.task);
        this.#groupOf[event.task]!.running++;
        return;
      case 'retrying':
        this.#stopped(event.task);
        return;
      case 'slots':
        this.held = event.held;
        return;
      case 'settled': {
        const group = this.#groupOf[event.task]!;
        this.#stopped(event.task);
        this.settled++;
        if (event.state === 'ok' && event.via === 'ran') {
          group.ran++;
          this.ran++;
        } else if (event.state === 'ok') group.cached++;
        else if (event.state === 'failed') group.failed++;
        else group.skipped++;
      }
    }
  }

  #stopped(task: number): void {
    if (this.#running.delete(task)) this.#groupOf[task]!.running--;
  }
}

export function done(group: GroupTally): number {
  return group.ran + group.cached + group.failed + group.skipped;
}
