import type { CID } from '../../ipld/cid.ts';
import type { Ipld } from '../../ipld/value.ts';
import type { Task } from '../../workflow/model.ts';

/**
 * How a coordinator has tasks run by other agents: it offers, they say what becomes of it. All messages may come twice, late, not in order, or not at all, so
 * each says whole what it is about, and whoever waits for an answer asks again.
 *
 * - `offer` → `states` at once (`waiting`, `running`, or a refusal) → `ends` when the receipt is durable there → `received`.
 * - `states` come again every second for all that is held for a drive, whether anything changed or not. What is missing in them is not held.
 * - A task is named by run, index and attempt; what belongs to an earlier epoch of the run than is known is of a coordinator that has lost it.
 */
export type WorkMessage = Offer | Withdraw | Received | States | Ends;

/** The drive of a run that a message is about. */
export interface DriveName {
  readonly run: string;
  /** Revision of the run's record: its fencing epoch. */
  readonly epoch: number;
}

/** An attempt at a task of that run. */
export interface AttemptName {
  readonly task: number;
  readonly attempt: number;
}

export interface Offer extends DriveName {
  readonly kind: 'offer';
  /** Share of the slots this run is to have, beside others: 1 if nothing else was asked for. */
  readonly weight: number;
  readonly tasks: readonly OfferedTask[];
  /** Tasks too large for a message. */
  readonly kept: readonly KeptOffer[];
  /** Of an offer that was received: tasks of it that could not be read, which are answered like the others. Absent: none. */
  readonly unread?: readonly UnreadTask[];
}

/** `problem`: why it could not be read, for people. */
export interface UnreadTask extends AttemptName {
  readonly problem: string;
}

/** An `OfferedTask` that is to be fetched from the coordinator. */
export interface KeptOffer extends AttemptName {
  /** The blob that is its DAG-CBOR, as `encodeOffered` gives it. */
  readonly offer: CID;
}

export interface OfferedTask extends AttemptName {
  /** The longer the path behind it, the earlier it is run. */
  readonly priority: number;
  /** How many such tasks a slot may have in line, itself included; by how short they are expected to be. */
  readonly depth: number;
  /** Nothing may share the slot with it: a runner died of it before. */
  readonly alone: boolean;
  /** Slots it takes; 1 if it asks for no more. */
  readonly slots: number;
  /** Known results of it are not to be used. */
  readonly isForced: boolean;
  /** As in `PlannedTask`, for people. */
  readonly label: string;
  /** What its receipt is to be of: whoever runs it computes invocation and instruction from this. */
  readonly work: Task;
  /** The blob of its module. */
  readonly module: CID;
  /** The instruction's input, promises replaced; the very `work.run.input` if there is nothing to replace, which saves sending it twice. */
  readonly input: Ipld;
  /** Small blobs it needs, by lower-case hex SHA2-256; those that are left out are fetched like large ones. */
  readonly small: Readonly<Record<string, Uint8Array>>;
  /** Members that hold what it needs, beside the coordinator. */
  readonly holders: readonly string[];
}

/** The task is not wanted any more: not to be begun, or killed. */
export interface Withdraw extends DriveName {
  readonly kind: 'withdraw';
  readonly tasks: readonly AttemptName[];
}

/** These ends need not be told again. */
export interface Received extends DriveName {
  readonly kind: 'received';
  readonly tasks: readonly AttemptName[];
}

/**
 * `overload`: no room. `unfetched`: what it needs could not be had; nothing of it has run. `refused`: this agent never will (op, policy, needs, an older epoch, an offer it cannot read); `message` says why.
 */
export type HeldState = 'waiting' | 'fetching' | 'running' | 'overload' | 'unfetched' | 'refused';

export interface HeldTask extends AttemptName {
  readonly state: HeldState;
  readonly message?: string;
}

export interface States extends DriveName {
  readonly kind: 'states';
  /** Whether that is all that is held for the drive; else only what changed. */
  readonly isAll: boolean;
  readonly tasks: readonly HeldTask[];
}

export interface Ends extends DriveName {
  readonly kind: 'ends';
  readonly tasks: readonly EndedTask[];
}

export interface EndedTask extends AttemptName {
  /**
   * Whether it is a result that was known there under the resolved key, or was being made for another run. Its receipt is then of the same key, but perhaps of another
   * invocation, instruction and attempt.
   */
  readonly isHit: boolean;
  /** The signed receipt. */
  readonly receipt: Uint8Array;
  /** Small blobs the result names; those that are left out are fetched like large ones. */
  readonly small: Readonly<Record<string, Uint8Array>>;
  /** Blobs the result names which that agent holds, with their sizes in bytes. */
  readonly held: readonly { readonly cid: CID; readonly size: number }[];
}
