import { formatDuration } from '../base/units.ts';
import { DocketError } from '../errors.ts';
import type { IpldMap } from '../ipld/value.ts';

/** How long the output of a task is to outlive the agents that have it: as long as its run is known to the mesh, or at least so many ms. */
export type Durable = true | number;

const DAY = 86_400_000;
const LEAST = 60_000;
const MOST = 3_650 * DAY;

export const DURABLE_FORM = `must be true, false, or a duration from ${formatDuration(LEAST)} to ${formatDuration(MOST)} such as 30d`;

export function isDurable(value: unknown): value is Durable {
  return value === true || (typeof value === 'number' && Number.isSafeInteger(value) && value >= LEAST && value <= MOST);
}

/** What a task's `meta` asks for; `false` asks for nothing. Throws `WORKFLOW_INVALID`. */
export function durableFromMeta(meta: IpldMap): Durable | undefined {
  const { durable } = meta;
  if (durable === undefined || durable === false) return undefined;
  if (!isDurable(durable)) throw new DocketError('WORKFLOW_INVALID', `"durable" in meta ${DURABLE_FORM}, in meta as a number of ms`);
  return durable;
}
