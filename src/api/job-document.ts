import type { JobRow } from '../protocol/services.ts';

/** A job as lists show it. */
export function jobDocument({ run, name, state, created, finished }: JobRow): Record<string, unknown> {
  return {
    run,
    name,
    state,
    created: new Date(created).toISOString(),
    finished: finished === null ? null : new Date(finished).toISOString(),
  };
}
