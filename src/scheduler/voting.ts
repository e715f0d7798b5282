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
  /** A ready task whose output must be agreed on. `askAll`: whether other agents are asked what they know; then `found` is called. */
  begin(task: number, agree: Agree, askAll: () => boolean): void;
  /** What other agents know of it. The task is ready. */
  found(task: number, results: readonly FoundResult[]): void;
  /** A receipt of another agent was found good, and the end of its task follows. */
  coming(task: number, cid: CID, receipt: Receipt): void;
}

/** Checks results of other agents by runs here: `SpotChecks` does. */
export interface Checking {
  /** Whether what `issuer` gave is to be checked. Decided once for each task; never what is voted on, nor what cannot be run here. */
  isDue(task: number, issuer: string): boolean;
  /** It is to be run here and nowhere else, and no hit will do. */
  isUnderWay(task: number): boolean;
  /** The task is run here before it is settled. `take`: what is done if nothing comes of that; the task rests then. */
  begin(task: number, result: FoundResult, take: () => void): void;
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
