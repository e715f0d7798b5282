import { backoff } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import { isDocketError } from '../../../errors.ts';
import type { Records } from '../../../mesh/mesh.ts';
import { decodeRunRecord, keyOfRun } from '../../../protocol/mesh/run-record.ts';
import type { DriverOf } from '../host-contest.ts';
import { pause } from './pause.ts';

const FIRST_WAIT = 200;

interface Around {
  readonly records: Pick<Records, 'get'>;
  readonly clock: Clock;
}

/**
 * The revision that the record of a run has by now; undefined if there is none, or when aborted. As long as nobody can say, it is asked again: what was heard last
 * would do only for who was there all the time, and a member that stood still was not.
 */
export async function reachedBy(run: string, around: Around, signal: AbortSignal): Promise<number | undefined> {
  return (await asked(run, around, signal))?.found?.revision;
}

/** Who drives a run, by its record as it is by now. As `reachedBy`. */
export async function driverOf(run: string, around: Around, signal: AbortSignal): ReturnType<DriverOf> {
  const answer = await asked(run, around, signal);
  if (answer === undefined) return undefined;
  const { found } = answer;
  if (found === undefined) return 'nobody';
  const { revision } = found;
  const read = decodeRunRecord(found.key, found.value);
  if ('refused' in read) return read.refused === 'newer' ? { did: undefined, revision } : 'nobody';
  return read.coordinator === null ? 'nobody' : { did: read.coordinator.did, revision };
}

/** Undefined when aborted. */
async function asked(
  run: string,
  { records, clock }: Around,
  signal: AbortSignal,
): Promise<{ readonly found: Awaited<ReturnType<Records['get']>> } | undefined> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return { found: await records.get(keyOfRun(run)) };
    } catch (error) {
      if (!isDocketError(error)) throw error;
    }
    await pause(clock, backoff(FIRST_WAIT, failures), signal);
  }
  return undefined;
}
