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

export const NO_COUNTS: RunCounts = { total: 0, ran: 0, cached: 0, failed: 0, skipped: 0, cancelled: 0 };
