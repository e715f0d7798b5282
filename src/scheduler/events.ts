import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { FetchedView } from '../protocol/records.ts';
import type { RunCounts } from '../workflow/run-state.ts';
import { CANCELLED, FAILED, OK, type Result, SKIPPED, type Via } from './state.ts';

/** What a run tells while it goes on. Tasks are named by their index in the plan. */
export type RunEvent =
  | { readonly kind: 'planned'; readonly total: number }
  /** `member`: DID of who runs it, if that is another agent. */
  | { readonly kind: 'started'; readonly task: number; readonly attempt: number; readonly member?: string }
  /** Nothing comes of it at the member it was given to: it is given to another. */
  | { readonly kind: 'moved'; readonly task: number; readonly member: string; readonly message: string }
  /** What a member gave for it is not to be believed. */
  | { readonly kind: 'refused'; readonly task: number; readonly member: string; readonly why: string }
  /** Nobody who is there could run it. It waits for somebody who can, for at most so many ms. */
  | { readonly kind: 'unplaceable'; readonly task: number; readonly why: string; readonly most: number }
  | { readonly kind: 'retrying'; readonly task: number; readonly after: number; readonly message: string }
  /** Its result is known, and what it gave is nowhere to be had: it is run again. */
  | { readonly kind: 'gone'; readonly task: number }
  /** It waits for receipts of instructions that are not in the workflow, for at most so many ms. */
  | { readonly kind: 'awaiting'; readonly task: number; readonly instructions: readonly string[]; readonly most: number }
  /** Its result is known, and counts when its output is kept beyond the agents that have it. */
  | { readonly kind: 'held'; readonly task: number }
  /** How it ended is committed and, in a mesh, kept where those find it who may go on with the run. `at`: when that was known, in ms of the monotonic clock here. */
  | {
      readonly kind: 'settled';
      readonly task: number;
      readonly state: TaskState;
      readonly via: ToldVia | null;
      readonly at?: number;
      readonly message?: string;
    }
  /** What the run needs and is elsewhere is fetched before its first task begins: how far that is, every second or so. */
  | {
      readonly kind: 'fetching';
      readonly resource: string;
      /** Who it comes from; null as long as nobody gave anything. */
      readonly from: string | null;
      readonly bytes: number;
      /** How many there will be, if that is known. */
      readonly size: number | null;
    }
  | ({ readonly kind: 'fetched' } & FetchedView)
  | { readonly kind: 'unfetched'; readonly resource: string; readonly code: string; readonly message: string }
  /** In a mesh: what another agent would need to go on with it cannot be kept there. Told once for each code; it is tried again, and `secured` told when it is there. */
  | { readonly kind: 'unsecured'; readonly code: string; readonly message: string }
  | { readonly kind: 'secured'; readonly plan: string }
  | { readonly kind: 'conflict'; readonly kept: CID; readonly other: CID }
  /** What it gave is not what others, who count more, agree on. `agreed`: their receipts; `isProof`: nothing but a fault or a lie explains it. */
  | {
      readonly kind: 'dissent';
      readonly task: number;
      readonly member: string;
      readonly receipt: string;
      readonly agreed: readonly string[];
      readonly isProof: boolean;
    }
  | { readonly kind: 'slots'; readonly held: number };

/** As events and rows have it. */
export type ToldVia = Exclude<Via, 'finished'>;

export type TaskState = 'ok' | 'failed' | 'skipped' | 'cancelled';

const STATE_NAMES = { [OK]: 'ok', [FAILED]: 'failed', [SKIPPED]: 'skipped', [CANCELLED]: 'cancelled' } as const;

/** The word for a settled status, in events, the ledger and the CLI. */
export function stateName(status: Result['status']): TaskState {
  return STATE_NAMES[status];
}

/** The same for how it came about. What an earlier drive finished is found by its resolved key, as other results are. */
export function viaName(via: Via): ToldVia {
  return via === 'finished' ? 'resolved' : via;
}

/** Of a task that came to nothing because its run was stopped, or because of another. */
export function isGivenUp(event: RunEvent): boolean {
  return event.kind === 'settled' && (event.state === 'cancelled' || event.state === 'skipped');
}

export type RunOutcome = 'completed' | 'failed' | 'cancelled';

export interface TaskError {
  readonly task: string;
  readonly code: string;
  readonly message: string;
  /** How many tasks did not run because of it. */
  readonly skipped: number;
}

/** How a run ended. */
export interface RunSummary {
  readonly run: string;
  readonly state: RunOutcome;
  readonly tasks: RunCounts;
  /** Values of the named outputs that are there. */
  readonly outputs: Readonly<Record<string, Ipld>>;
  readonly errors: readonly TaskError[];
  /** Results that differed from the one filed first under the same key. */
  readonly conflicts: number;
}
