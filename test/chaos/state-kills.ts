import type { FleetAgent } from './fleet.ts';

/** Where a task is when the agent that has to do with it is killed. The first five are at another agent than the run's coordinator. */
export const TASK_STATES = [
  'given to a member',
  'running at a member',
  'ended at a member, not told',
  'told of a member',
  'told of a member, its output there',
  'running at the coordinator',
  'ended at the coordinator, not told',
  'told of the coordinator',
] as const;

export type TaskState = (typeof TASK_STATES)[number];

/** Whom to kill, and how many ms from now. */
export interface Kill {
  readonly state: TaskState;
  readonly who: 'member' | 'coordinator';
  /** DID, of a member. */
  readonly did: string | undefined;
  readonly after: number;
}

interface TaskEvent {
  readonly task?: number;
  readonly member?: string;
  readonly state?: string;
}

/** How long after its start a task is taken to run, and to have ended without being told: most here take some 100 ms. */
const RUNNING = 60;
const ENDING = 150;

/**
 * Finds in the events of a run the moment in which a task is in the state that has its turn. A coordinator tells of tasks what it knows; whether a task that was
 * given away runs already or has just ended is for its member to know, so those two are told by how long ago it was given: likely, and no more.
 */
export class StateKills {
  readonly counts = new Map<TaskState, number>(TASK_STATES.map((state) => [state, 0]));
  /** Who has which task, as last told; undefined is the coordinator itself. */
  readonly #at = new Map<number, string | undefined>();
  #turn = 0;

  /** The kill that is due now, if this event is the one for it. It counts when `done` is called. */
  due(kind: string, data: string): Kill | undefined {
    const { task, member, state: end } = JSON.parse(data) as TaskEvent;
    if (task === undefined) return undefined;
    if (kind === 'started') this.#at.set(task, member);
    const holder = this.#at.get(task);
    const state = TASK_STATES[this.#turn % TASK_STATES.length]!;
    const isAt = {
      started: member === undefined ? 'coordinator' : 'member',
      settled: end !== 'ok' || !this.#at.has(task) ? undefined : holder === undefined ? 'coordinator' : 'member',
    }[kind];
    const fits = {
      'given to a member': { kind: 'started', at: 'member', who: 'member', after: 0 },
      'running at a member': { kind: 'started', at: 'member', who: 'member', after: RUNNING },
      'ended at a member, not told': { kind: 'started', at: 'member', who: 'member', after: ENDING },
      'told of a member': { kind: 'settled', at: 'member', who: 'coordinator', after: 0 },
      'told of a member, its output there': { kind: 'settled', at: 'member', who: 'member', after: 0 },
      'running at the coordinator': { kind: 'started', at: 'coordinator', who: 'coordinator', after: RUNNING },
      'ended at the coordinator, not told': { kind: 'started', at: 'coordinator', who: 'coordinator', after: ENDING },
      'told of the coordinator': { kind: 'settled', at: 'coordinator', who: 'coordinator', after: 0 },
    } as const satisfies Record<TaskState, unknown>;
    const fit = fits[state];
    if (kind !== fit.kind || isAt !== fit.at) return undefined;
    return { state, who: fit.who, did: fit.who === 'member' ? holder : undefined, after: fit.after };
  }

  done({ state }: Kill): void {
    this.counts.set(state, this.counts.get(state)! + 1);
    this.#turn++;
  }
}

/** The agents that may be killed now: of four at least two stay. */
export function mayKill(agents: readonly FleetAgent[], victim: FleetAgent | undefined): victim is FleetAgent {
  return victim?.state === 'up' && agents.filter(({ state }) => state !== 'up').length < Math.floor(agents.length / 2);
}
