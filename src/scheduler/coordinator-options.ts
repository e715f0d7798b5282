import type { Limits } from '../workflow/limits.ts';
import type { Clock } from '../base/clock.ts';
import type { CID } from '../ipld/cid.ts';
import type { Change } from '../ledger/change.ts';
import type { Flight } from '../ledger/flight.ts';
import type { CommitResult } from '../ledger/ledger.ts';
import type { Failure } from '../receipt/outcome.ts';
import type { Trust } from '../receipt/trust.ts';
import type { Plan } from '../workflow/model.ts';
import type { Offer } from '../workflow/needs.ts';
import type { Agree } from '../workflow/agree.ts';
import type { Dissent } from './voting.ts';
import type { BlobView } from './blob-view.ts';
import type { Crew, CrewParts } from './crew.ts';
import type { RunEvent, RunSummary } from './events.ts';
import type { Filed } from './filed.ts';
import type { Keep } from './lasting.ts';
import type { SlotSource } from './local-crew.ts';
import type { MemoSource } from './lookup.ts';
import type { Movable } from './run-keys.ts';
import type { SharedResults } from './shared-results.ts';
import type { WorkClaims } from './work-claims.ts';

/** How a task stands after a drive that was stopped: `held` if its result does not count yet. */
export type EarlierEnd = 'ok' | 'failed' | 'held';

/** What a coordinator needs of the world. */
export interface CoordinatorOptions {
  readonly run: string;
  readonly plan: Plan;
  readonly memo: MemoSource;
  /** Signs receipts and files changes durably, after the large blobs they rest on; in the order of the calls. */
  readonly commit: (changes: readonly Filed[], written: readonly CID[]) => Promise<CommitResult>;
  readonly blobs: BlobView;
  /** DID of the key that signs. */
  readonly issuer: string;
  readonly slots: SlotSource;
  /** What this run and other commands of the home tell each other of the work they do. */
  readonly claims: WorkClaims;
  /** Whose receipts count for work that was given to them. Default: nobody's but those of `issuer`. */
  readonly trust?: Trust;
  /** Where results of other agents are found. Default: nowhere. */
  readonly shared?: SharedResults | undefined;
  /** Resolves when what is committed by now is kept where others find it who go on with the run, or when that cannot be. Default: a commit is enough. */
  readonly kept?: (() => Promise<void>) | undefined;
  /** Default: nobody else may go on with the run. */
  readonly movable?: Movable | undefined;
  /** How many agents must agree on the output of each pure task that says nothing of it itself. Default: whoever runs it is enough. */
  readonly agree?: Agree | undefined;
  /** Whether this result of another agent is to be checked by running it here. Default: none. */
  readonly mayCheck?: ((task: number) => boolean) | undefined;
  /** An output that others contradict. */
  readonly onDissent?: ((dissent: Dissent) => void) | undefined;
  /** The kind of processor here. */
  readonly cpu?: string | undefined;
  /** As in `Bringing`. Default: nobody is asked for blobs. */
  readonly bring?: (cid: CID, holders: readonly string[], signal: AbortSignal) => Promise<void>;
  /** Puts outputs that are to be durable where they outlive this agent. Default: they are as durable as all that is filed. */
  readonly keep?: Keep;
  /** Slots this run may hold at a time. */
  readonly size: number;
  /** Its share of slots beside that of other runs. Default 1. */
  readonly weight?: number;
  /** Makes the crew of the run out of that of this home. Default: that of this home. */
  readonly crew?: (parts: CrewParts) => Crew;
  /** What this home has of what tasks may need. Default: any op and any memory, and no tags. */
  readonly here?: Offer;
  readonly semantics: (op: string, limits: Limits) => number;
  /** Why what a task needs is not here, where that is known better than by its absence. Default: nothing is known. */
  readonly lacks?: (task: number) => Failure | undefined;
  /** Tasks whose earlier results are not to be used. */
  readonly forced: (task: number) => boolean;
  readonly failFast: boolean;
  /** How long promises on instructions outside of the plan may wait for a receipt, in ms. */
  readonly awaitTime: number;
  /** Expected milliseconds of a task by earlier measurements, or undefined. */
  readonly expected: (task: number) => number | undefined;
  /** Attempts of a task that earlier drives of this run began; default none. */
  readonly begun?: (task: number) => number;
  /** How a task ended in earlier drives of this run, if it did by itself, or that it is held; default: none did. */
  readonly earlier?: (task: number) => EarlierEnd | undefined;
  /** Written to before jobs are given away. */
  readonly flight: Pick<Flight, 'started' | 'returned'>;
  /** What is to be filed when everything demanded is settled, together with the last of it. */
  readonly end: (summary: Omit<RunSummary, 'conflicts'>) => readonly Change[];
  readonly onEvent: (event: RunEvent) => void;
  readonly clock: Clock;
  readonly version: string;
  readonly signal: AbortSignal;
}
