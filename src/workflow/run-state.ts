/** How a run is doing. */
export type RunState = 'running' | 'completed' | 'failed' | 'cancelled' | 'interrupted';

/** Its tasks by how they ended. */
export interface RunCounts {
  readonly total: number;
  /** Settled `ok` by running. */
  readonly ran: number;
  /** Found by a key, or not looked at because everything that wanted it was found. */
  readonly cached: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cancelled: number;
}

/** How a task ended. */
export type TaskEnd = 'ok' | 'failed' | 'skipped' | 'cancelled';

/**
 * How a task stands that left something. `retrying`: that was an attempt that came to nothing and is not the last; if the run goes on no more, it failed with that.
 * `held`: that was a result, which counts when its output lies where it is to outlive the agents; if the run goes on no more, it counts as cancelled.
 */
export type TaskStand = TaskEnd | 'retrying' | 'held';

/** How a task ended, or undefined if it may still end in another way. */
export function endOfStand(stand: TaskStand, run: RunState): TaskEnd | undefined {
  if (stand !== 'retrying' && stand !== 'held') return stand;
  if (run === 'running') return undefined;
  return stand === 'held' ? 'cancelled' : 'failed';
}

export const NO_COUNTS: RunCounts = { total: 0, ran: 0, cached: 0, failed: 0, skipped: 0, cancelled: 0 };
