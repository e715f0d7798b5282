import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { TaskEnd } from '../workflow/run-state.ts';

/** One field of a key that differs; undefined where the field is absent. */
export interface Difference {
  /** `input.files["in.md"]`, `limits.memory`. */
  readonly field: string;
  /** The same as steps: keys of maps, positions in lists. */
  readonly path: readonly (string | number)[];
  readonly before: Ipld | undefined;
  readonly after: Ipld | undefined;
}

/** An earlier receipt and what it says; `failure` is `message [code]` if it tells of one. */
export interface Earlier {
  readonly receipt: CID;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly failure: string | undefined;
}

/** A difference, and the task whose output made it if the field holds one. */
export interface TracedDifference extends Difference {
  readonly from: string | undefined;
}

/** Why earlier results did not count, if it was not the key. */
export type Because =
  | { readonly kind: 'forced' | 'memo: never' }
  /** `isOpen`: its module comes from a URL without integrity. */
  | { readonly kind: 'impure'; readonly grants: readonly string[]; readonly isOpen: boolean }
  /** There is a result under this very key, made before; its blobs are gone or its receipt is damaged. */
  | { readonly kind: 'blobs gone'; readonly earlier: Earlier }
  /** Another run made a result under this key while this one did. */
  | { readonly kind: 'at the same time'; readonly earlier: Earlier }
  /** Another agent had a result of it when it was begun here, which was checked by that: a spot check, or where the agent wants several to agree. */
  | { readonly kind: 'checked'; readonly earlier: Earlier & { readonly issuer: string } }
  /** Only another agent had a result of it when it was begun, which was distrusted then. */
  | { readonly kind: 'not believed'; readonly earlier: Earlier & { readonly issuer: string } }
  /** The same work was tried before and gave no result. */
  | { readonly kind: 'failed before'; readonly earlier: Earlier };

/** A receipt of the same work, by another agent, that says the same came out. */
export interface Assenting {
  readonly receipt: CID;
  /** DID. */
  readonly issuer: string;
}

/** A receipt of the same work that says something else came out. */
export interface Dissenting {
  readonly receipt: CID;
  /** DID. */
  readonly issuer: string;
  readonly failure: string | undefined;
}

/** Who stands for a result, and what others say of the same work. */
interface Word {
  /** DID of whose receipt it is. Left out where that is the home that is asked and the run is no mesh's; undefined where nobody can tell any more. */
  readonly issuer?: string | undefined;
  readonly assents?: readonly Assenting[] | undefined;
  readonly dissents?: readonly Dissenting[] | undefined;
}

/** What all other members of the mesh, so many, do not give to tasks at the moment, of what a task asks for: they would run it else. */
export interface Ungiven {
  readonly grants: readonly string[];
  readonly members: number;
}

/** Why a task of a run was run, or was not. `ungiven`: of one that its coordinator ran, or that waits. */
export type Explanation =
  | ({
      readonly kind: 'found';
      readonly by: 'declared' | 'resolved';
      readonly receipt: CID;
      readonly failure: string | undefined;
    } & Word)
  /** It failed as its receipt says, whatever it would have given or gave: nobody could run it, or its output could not be kept. */
  | { readonly kind: 'refused'; readonly receipt: CID; readonly failure: string | undefined; readonly hasRun: boolean }
  /**
   * It has not ended in this run, and the run has not either. `lacks`: why nobody who is there could run it, if it waits for somebody who can; `member`: DID of the
   * other agent that runs it; `tried`: its last attempt, if that came to nothing; `held`: its result, which is being kept.
   */
  | {
      readonly kind: 'pending';
      readonly lacks?: string | undefined;
      readonly member?: string | undefined;
      readonly tried?: { readonly receipt: CID; readonly failure: string | undefined } | undefined;
      readonly held?: CID | undefined;
      readonly ungiven?: Ungiven | undefined;
    }
  /** `before`: it was run in an earlier drive of this run, by that member, or by who drove it then. */
  | {
      readonly kind: 'unneeded';
      readonly wantedBy: readonly string[];
      readonly before?: { readonly member?: string | undefined } | undefined;
    }
  | {
      readonly kind: 'skipped';
      readonly cause: string | undefined;
      readonly causeState: TaskEnd | undefined;
      readonly failure: string | undefined;
    }
  | { readonly kind: 'cancelled' }
  | ({
      readonly kind: 'ran';
      readonly receipt: CID | null;
      readonly failure: string | undefined;
      readonly because: Because | undefined;
      readonly ungiven?: Ungiven | undefined;
      /** The nearest earlier result under another key; undefined if there is none. */
      readonly nearest:
        | { readonly receipt: CID; readonly at: number; readonly label: string; readonly differences: readonly TracedDifference[] }
        | undefined;
    } & Word);
