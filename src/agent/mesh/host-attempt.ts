import type { AttemptName, EndedTask, HeldState, HeldTask, OfferedTask } from '../../protocol/mesh/work.ts';
import type { Key } from '../../receipt/key.ts';
import type { BlobView } from '../../scheduler/blob-view.ts';
import type { Policy } from '../../scheduler/policies.ts';
import type { PlannedTask } from '../../workflow/model.ts';
import type { OfferedWork } from './host-work.ts';

/** Where an attempt at a task of others is. Each stage has a way out by itself: patience, a limit of the task, or that nobody is there any more who wants it. */
export type Stage =
  /** Its blobs are fetched, or its module is looked into for the first time. */
  | { readonly tag: 'fetching'; readonly stop: AbortController }
  | { readonly tag: 'waiting' }
  /** The same work is done here for somebody else. */
  | { readonly tag: 'joined' }
  | { readonly tag: 'running'; readonly stop: AbortController }
  /** It ended; its receipt is on the way to the ledger. */
  | { readonly tag: 'filing' }
  /** The receipt is durable, and told until the coordinator says that it has it. `told`: when last, `since`: when first. */
  | { readonly tag: 'ended'; readonly end: EndedTask; readonly since: number; readonly told: number };

/** An attempt at a task that this agent holds for another. */
export interface Attempt extends AttemptName {
  readonly run: string;
  /** Of the drive that offered it. */
  readonly epoch: number;
  readonly priority: number;
  readonly offered: OfferedTask;
  /** With the others of its offer, and where it stands among them. */
  readonly work: OfferedWork;
  readonly index: number;
  readonly planned: PlannedTask;
  readonly policy: Policy;
  /** Bytes it says it needs. */
  readonly memory: number;
  readonly key: Key;
  /** The blobs of the home, and those that came with the offer. */
  readonly view: BlobView;
  /** Of those that came with it, the ones the home has not: filed with its receipt, since a result may name them. */
  readonly supplies: ReadonlyMap<string, Uint8Array>;
  /** About what it takes here, in bytes. */
  readonly size: number;
  /** When its result was looked for, as the claims of the home count. */
  since: number;
  /** Its coordinator took it back while it ran. */
  isUnwanted: boolean;
  stage: Stage;
}

/** As it is told. What ended is not gone until it was received: what is missing in what is told is not held. */
function heldAs({ stage }: Attempt): HeldState {
  switch (stage.tag) {
    case 'fetching':
    case 'waiting':
      return stage.tag;
    default:
      return 'running';
  }
}

export function heldTask(attempt: Attempt): HeldTask {
  return { task: attempt.task, attempt: attempt.attempt, state: heldAs(attempt) };
}
