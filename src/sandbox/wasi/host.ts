import type { FileSystem } from '../files/file-system.ts';
import type { Toll } from '../metering/toll.ts';
import type { GuestClock } from './clock.ts';
import type { Descriptors } from './descriptors.ts';
import type { GuestMemory } from './guest-memory.ts';
import type { GuestRandom } from './random.ts';

/**
 * What a host call works on. A call either returns (success) or throws: an `Errno` goes back to the guest as the call's
 * result, anything else ends the task. Calls check addresses for results before they change anything.
 */
export interface Host {
  readonly memory: GuestMemory;
  readonly files: FileSystem;
  readonly descriptors: Descriptors;
  readonly clock: GuestClock;
  readonly random: GuestRandom;
  /** Each call has paid for itself; it pays here for what it moves, makes or looks at by length. */
  readonly toll: Toll;
  /** NUL-terminated UTF-8. */
  readonly args: readonly Uint8Array[];
  readonly environ: readonly Uint8Array[];
}

/** What one of several things of a call counts for, in bytes, beside its own: an entry of a vector, a subscription, a directory entry. */
export const ITEM_WEIGHT = 64;
