import { type GuestClock, realClock, virtualClock } from '../sandbox/wasi/clock.ts';
import { type GuestRandom, realRandom, seededRandom } from '../sandbox/wasi/random.ts';
import type { Job } from './job.ts';

/** The clock and the randomness of a task: those of the machine if they are granted, else such as are the same each time. */
export function granted({ grants, seed }: Pick<Job, 'grants' | 'seed'>): { readonly clock: GuestClock; readonly random: GuestRandom } {
  return {
    clock: grants.includes('clock') ? realClock() : virtualClock(),
    random: grants.includes('random') ? realRandom() : seededRandom(seed),
  };
}
