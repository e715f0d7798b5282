import type { Clock } from '../base/clock.ts';
import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { Job } from '../runner/job.ts';
import type { SlotEnd } from '../runner/slot.ts';
import type { Limits } from '../workflow/limits.ts';
import type { PlannedTask } from '../workflow/model.ts';
import type { BlobView } from './blob-view.ts';
import type { TaskKind } from './task-kind.ts';

/**
 * The places where tasks of one run can be run: slots of this home (`LocalCrew`), and with a mesh those of its members too (`MeshCrew`).
 * A place that is given is held until its job has ended or it is cancelled.
 */
export interface Crew extends AsyncDisposable {
  /** Slots of this home that are held now. */
  readonly held: number;
  /** A place is free, if not for every kind of task. */
  readonly hasIdle: boolean;
  /** So many jobs are given away or could be run by this agent: asks for slots of this home until there is one for each that is not elsewhere, and gives back those it has beyond that. */
  want(wanted: number): void;
  /** Whether this agent itself could run tasks of this kind, if its slots were free. The same at all times. */
  mayRunHere(kind: TaskKind): boolean;
  /** A free place for such a task, or undefined if there is none at the moment. */
  berth(wanted: Wanted): Berth | undefined;
  /** For a task that `mayWait` and got no berth: the place it should wait for, though others may be free. Undefined if it is free to go anywhere. */
  nearer?(wanted: Wanted): Nearer | undefined;
  /** Why no place there is now could ever run tasks of this kind, or is expected to as it behaves; undefined if one could. Changes are told by `onChange`. */
  obstacle(kind: TaskKind): string | undefined;
  /** That member is to get no more tasks of this kind for a while. */
  distrust(did: string, kind: TaskKind, why: string): void;
  /** That member did a task of this kind, and what it says of it is good. */
  praise(did: string, kind: TaskKind): void;
  /** There is no job for the idle places at the moment. */
  rest(): void;
  /** No job will come any more. */
  dismiss(): void;
}

/** A task that looks for a place. */
export interface Wanted {
  /** Its index in the plan. */
  readonly task: number;
  readonly kind: TaskKind;
  /** How many such jobs a slot may have in line with this one: more than one only if they are expected to be short. */
  readonly depth: number;
  /** The same of a slot elsewhere, of which news comes later. */
  readonly depthAway: number;
  /** Nothing may share the slot with it. */
  readonly alone: boolean;
  /** What it rests on is durable, so it may be told to others. */
  readonly mayLeave: boolean;
  /** If the place that has its bytes is not free, no berth elsewhere is taken for it. Default: it is. */
  readonly mayWait?: boolean;
}

/** The place that has the bytes of a task. */
export interface Nearer {
  /** One name for each place. */
  readonly place: string;
  readonly slots: number;
  /** How long it is worth waiting for it, in ms. */
  readonly patience: number;
  /** Whether it is worth asking for a berth again. Cheap. */
  isOpen(): boolean;
}

/** The slots of this home. */
export interface HomeCrew extends Crew {
  /** Whether a task of this kind would have a place at once, or if only a slot were `held`. */
  isFreeFor(kind: TaskKind): 'yes' | 'unheld' | 'no';
}

/** What a crew that places tasks elsewhere is made of, for one run. */
export interface CrewParts {
  /** DID of the agent that drives the run. */
  readonly self: string;
  readonly local: HomeCrew;
  readonly tasks: TaskFacts;
  readonly blobs: BlobView;
  readonly clock: Clock;
  /** There may be a place where there was none. */
  readonly onChange: () => void;
}

/** What is known of tasks that are about to be run, by their index. */
export interface TaskFacts {
  planned(task: number): PlannedTask;
  /** The instruction's input, promises replaced. */
  input(task: number): Ipld;
  module(task: number): CID | undefined;
  limits(task: number): Limits;
  /** Known results of it are not to be used. */
  isForced(task: number): boolean;
  /** The higher, the more urgent. */
  priority(task: number): number;
}

/** A place for one job. */
export interface Berth {
  /** DID of the member where it is; undefined: here. */
  readonly member: string | undefined;
  submit(work: Work, signal: AbortSignal): Promise<PlaceEnd>;
  /** Gives the place back unused. */
  cancel(): void;
}

/** A job on its way to a place. */
export interface Work {
  readonly task: number;
  /** Counts from 1; another for each time the task is given away. */
  readonly attempt: number;
  readonly job: Job;
}

/** How a job ended, or why nothing will come of it where it was. */
export type PlaceEnd = SlotEnd | Receipted | Away;

/** A member says by its receipt how it ended. Nothing of this was verified. */
export interface Receipted {
  readonly kind: 'receipted';
  /** Who was asked, and answered. */
  readonly member: string;
  /** As that member says: a result it knew under the resolved key, perhaps of another invocation. */
  readonly isHit: boolean;
  /** As signed. */
  readonly receipt: Uint8Array;
  /** Small blobs the result names, by lower-case hex SHA2-256. */
  readonly small: ReadonlyMap<string, Uint8Array>;
  /** Larger ones, which the member holds, with their sizes in bytes. */
  readonly held: readonly { readonly cid: CID; readonly size: number }[];
}

/** To be placed elsewhere. */
export interface Away {
  readonly kind: 'away';
  readonly member: string;
  /** It may have been running there: what it costs who runs it must be bounded. */
  readonly hasBegun: boolean;
  /** It could not get what the task needs. */
  readonly lacks: boolean;
  /** It did not take it, and gave no reason, busy or other: how often a task is offered so must be bounded. */
  readonly isUntaken: boolean;
  readonly message: string;
}
