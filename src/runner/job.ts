import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { Outcome, Usage } from '../receipt/outcome.ts';
import type { Limits } from '../workflow/limits.ts';

/** What a slot is asked to run: an instruction whose promises are all resolved. Crosses the pipe as DAG-CBOR. */
export interface Job {
  /** Chosen by the caller, unique per slot process. */
  readonly id: number;
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
  /** Small blobs the outcome names; the coordinator files them with the receipt. Larger ones lie in the disk store, fsynced. */
  readonly small: ReadonlyMap<string, Uint8Array>;
  /** Larger blobs written; their folders still want an fsync before the receipt is committed. */
  readonly written: readonly CID[];
}
