import type { CID } from '../ipld/cid.ts';
import type { Receipt } from '../receipt/model.ts';
import type { RunCounts, RunState } from '../workflow/run-state.ts';

/** Bytes of a value that is told with a receipt. */
export const MOST_INLINE = 3 * 2 ** 20;

/** What is told of a run by its receipts: nothing of it before it is committed. */
export type RunTold = TaskReceipt | TaskUnrun | RunEnded;

/** A task that ended, be it well or not. */
export interface TaskReceipt {
  readonly kind: 'receipt';
  readonly label: string;
  readonly instruction: CID;
  readonly receipt: CID;
  /** A value that was too large to stand in the receipt stands in it here, up to `MOST_INLINE`. */
  readonly content: Receipt;
  /** Bytes of a value that is left out even so: a link stands for it. */
  readonly leftOut?: number;
  /** Whether it was there before, and this run only found it. */
  readonly isFound: boolean;
}

/** A task that has none: it was skipped, or the run was cancelled before it ran, or its receipt cannot be read any more. */
export interface TaskUnrun {
  readonly kind: 'unrun';
  readonly label: string;
  readonly instruction: CID;
  readonly state: 'skipped' | 'cancelled' | 'unreadable';
  /** The label of the task because of which it was skipped. */
  readonly cause: string | null;
}

export interface RunEnded {
  readonly kind: 'ended';
  readonly state: RunState;
  readonly tasks: RunCounts | null;
  readonly errors: readonly { readonly task: string; readonly code: string; readonly message: string; readonly skipped: number }[];
  /** Failures beside them. */
  readonly moreErrors: number;
  readonly seconds: number;
}
