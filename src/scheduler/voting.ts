import type { CID } from '../ipld/cid.ts';
import type { Receipt } from '../receipt/model.ts';
import type { Agree } from '../workflow/agree.ts';
import type { FoundResult } from './shared-results.ts';

/** Counts votes on what tasks give: `Agreements` is one. */
export interface Voting {
  /** Whether votes are counted on this task. */
  has(task: number): boolean;
  /** Agents that have spoken already: it is to be run by another. */
  spoken(task: number): ReadonlySet<string>;
  /** It is to be run here and nowhere else. */
  isCheck(task: number): boolean;
  /** A ready task whose output must be agreed on. `askAll`: whether other agents are asked what they know; then `found` is called. */
  begin(task: number, agree: Agree, askAll: () => boolean): void;
  /** What other agents know of it. The task is ready. */
  found(task: number, results: readonly FoundResult[]): void;
  /** A result of another agent is not taken, but checked by a run here. */
  check(task: number, result: FoundResult): void;
  /** A receipt of another agent was found good, and the end of its task follows. */
  coming(task: number, cid: CID, receipt: Receipt): void;
}

/** An output that others contradict. */
export interface Dissent {
  readonly task: number;
  readonly issuer: string;
  readonly receipt: CID;
  /** Those who agree on something else. */
  readonly agreed: readonly { readonly issuer: string; readonly receipt: CID }[];
  /** Nothing but a fault or a lie explains it: the same work, on the same kind of processor. */
  readonly isProof: boolean;
}
