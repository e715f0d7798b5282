import type { RunEvent } from '../scheduler/events.ts';

/** Where the tasks of a run are that its coordinator has not settled: kept from its events, for those who ask. Holds only tasks that are on their way. */
export class Whereabouts {
  readonly #members = new Map<number, string>();
  readonly #lacks = new Map<number, string>();

  hear(event: RunEvent): void {
    if (!('task' in event)) return;
    const { task } = event;
    switch (event.kind) {
      case 'started':
        this.#lacks.delete(task);
        if (event.member === undefined) this.#members.delete(task);
        else this.#members.set(task, event.member);
        return;
      case 'unplaceable':
        this.#lacks.set(task, event.why);
        this.#members.delete(task);
        return;
      case 'settled':
        this.#lacks.delete(task);
        this.#members.delete(task);
        return;
      case 'moved':
      case 'refused':
      case 'retrying':
      case 'held':
        this.#members.delete(task);
    }
  }

  /** DID of the member that runs it, if that is another agent. */
  memberOf(task: number): string | undefined {
    return this.#members.get(task);
  }

  /** Why nobody could run it, if it waits for a place. */
  lackOf(task: number): string | undefined {
    return this.#lacks.get(task);
  }
}
