import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { Outcome, Usage } from '../receipt/outcome.ts';
import type { Limits } from '../workflow/limits.ts';

/** What a slot is asked to run: an instruction whose promises are all resolved. */
export interface Job {
  /** The caller's; comes back in the end. */
  readonly id: number;
  /** Digest of the instruction, for those who ask what a task does at the moment. Stays on this side of the pipe. */
  readonly task?: Uint8Array;
  readonly op: string;
  /** The module, a blob. */
  readonly module: CID;
  /** The instruction's input, promises replaced by values. */
  readonly input: Ipld;
  readonly limits: Limits;
  readonly grants: readonly string[];
  /** Seeds the guest's randomness: the resolved key, 32 bytes. */
  readonly seed: Uint8Array;
  /** Small blobs (≤ 4 KiB) the job may need that do not lie in the disk store, by lower-case hex SHA2-256. */
  readonly small: ReadonlyMap<string, Uint8Array>;
}

/** How a job ended, as the slot process tells it. */
export interface JobEnd {
  readonly id: number;
  readonly outcome: Outcome;
  readonly usage: Usage;
  /** Small blobs the outcome names; the coordinator files them with the receipt. */
  readonly small: ReadonlyMap<string, Uint8Array>;
  /** Larger blobs, which lie in the disk store under their names but are not durable: to be settled before the receipt is committed. */
  readonly written: readonly CID[];
}
