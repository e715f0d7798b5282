import type { Clock } from '../base/clock.ts';
import type { CID } from '../ipld/cid.ts';
import type { Key as SigningKey } from '../ipld/identity.ts';
import type { Change, CommitResult } from '../ledger/ledger.ts';
import type { Plan } from '../workflow/model.ts';
import type { BlobView } from './blob-view.ts';
import type { SlotSource } from './crew.ts';
import type { RunEvent } from './events.ts';
import type { MemoSource } from './lookup.ts';

/** What a coordinator needs of the world. */
export interface CoordinatorOptions {
  readonly run: string;
  readonly plan: Plan;
  readonly memo: MemoSource;
  /** Files changes durably, after the large blobs they rest on. */
  readonly commit: (changes: readonly Change[], written: readonly CID[]) => Promise<CommitResult>;
  readonly blobs: BlobView;
  readonly signer: SigningKey;
  readonly slots: SlotSource;
  /** Slots this run may hold at a time. */
  readonly size: number;
  readonly semantics: (op: string) => number;
  /** Tasks whose earlier results are not to be used. */
  readonly forced: (task: number) => boolean;
  readonly failFast: boolean;
  /** Expected milliseconds of a task by earlier measurements, or undefined. */
  readonly expected: (task: number) => number | undefined;
  /** Attempts of a task that earlier drives of this run began; default none. */
  readonly begun?: (task: number) => number;
  /** Writes down, before a job is given away, that this attempt is in flight; or that it came back before anything of it had run. */
  readonly flight: (task: number, attempt: number, what: 'started' | 'returned') => void;
  readonly onEvent: (event: RunEvent) => void;
  readonly clock: Clock;
  readonly version: string;
  readonly signal: AbortSignal;
}
