import type { CID } from '../ipld/cid.ts';
import type { RunRow } from '../ledger/runs.ts';
import type { Movable } from '../scheduler/run-keys.ts';
import type { Plan } from '../workflow/model.ts';

/** Where others could drive a run of this home as well, who may is settled with them. */
export interface Tenure {
  /** The right to drive on a run that was cut off, or ended. Throws `RUN_TAKEN` if it is another's, and what kept it from being settled. */
  readonly take: (row: RunRow, plan: Plan) => Promise<Taken>;
}

export interface Taken {
  /** Number of the last event that was told of the run, wherever it was driven. */
  readonly after: number;
  /** What the run needs and is not here, but kept where its tasks can have it when they need it. Default none. */
  readonly kept?: readonly CID[];
  /** Of the drive that begins, and those before. Default: it is the first. */
  readonly movable?: Movable;
  /** It could not be driven here after all. */
  readonly letGo: (because: unknown) => void;
}
