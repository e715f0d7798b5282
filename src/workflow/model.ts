import type { CID } from '../ipld/cid.ts';
import type { Ipld, IpldMap } from '../ipld/value.ts';

/**
 * The encoded records, exactly Homestar's (their CIDs are DAG-CBOR + SHA3-256 over these keys and no others),
 * and the compiled form the scheduler works on.
 */

/** What to do. Its CID is what promises await. `nnc` (nonce) is `""`, a string, or bytes. */
export interface Instruction {
  readonly rsc: string;
  readonly op: string;
  readonly input: Ipld;
  readonly nnc: string | Uint8Array;
}

/** An instruction with its policy. `meta` holds limits, retry and memo policy; absent keys are not hashed. */
export interface Task {
  readonly run: Instruction;
  readonly cause: Ipld;
  readonly meta: IpldMap;
  readonly prf: readonly Ipld[];
}

/** Which outcome of the awaited task a promise stands for: its value, its error, or either as `[tag, value]`. */
export type Branch = 'await/ok' | 'await/error' | 'await/*';

/** One promise inside an instruction's input. `at` is a JSON pointer into the output, `""` for all of it. */
export interface Awaited {
  readonly branch: Branch;
  readonly instruction: CID;
  readonly at: string;
}

/** A task of a plan: hashed, with its place in the graph. Indices are positions in `Plan.tasks`. */
export interface PlannedTask {
  readonly task: Task;
  readonly instruction: CID;
  /** 32 bytes, that of `instruction`: cheaper where no CID is needed. */
  readonly digest: Uint8Array;
  /** CID of `{task}`, which receipts name in `ran`. */
  readonly invocation: CID;
  /**
   * What `rsc` stands for: the CID it carries, or that of the local file it names, imported at load time. A UnixFS CID (`bafybei…`)
   * stays as it is: the store knows it as an alias. Undefined if `rsc` is a URL without a CID.
   */
  readonly module: CID | undefined;
  /** Unique in the plan, for people: `top`, `count[docs/a.md]`, `merge[1.0]` (level and index; the root is `merge`); for Homestar JSON `0`, `1`, …. */
  readonly label: string;
  /** Labels of other tasks in the file that turned out to be this same work. */
  readonly aliases?: readonly string[];
  /** The name in the file that made it: `count`; for Homestar JSON the function, or the op. Progress is shown per group. */
  readonly group: string;
  /** Tasks of this plan it awaits, without repeats; always smaller indices than its own. */
  readonly awaits: readonly { readonly task: number; readonly branch: Branch }[];
  /** Promises on instructions outside of this plan. */
  readonly external: readonly Awaited[];
}

/** What `compile` gives: everything a run needs, deeply readonly. Tasks stand in topological order. */
export interface Plan {
  /** The `name` of the file; without one, the CID of the workflow, as in Homestar. */
  readonly name: string;
  /** CID of `{tasks}`: for Homestar JSON in the order of the file, for YAML in the order of `tasks` below. */
  readonly workflow: CID;
  readonly tasks: readonly PlannedTask[];
  /** Group names in the order of the file, with their sizes. */
  readonly groups: readonly { readonly name: string; readonly size: number }[];
  /** Named outputs: values that may hold promises, resolved when the run ends. Empty: every sink's output under its label. */
  readonly outputs: Readonly<Record<string, Ipld>>;
}

/** A memo policy of `meta.memo`: `"always"` lets an impure result be a hit, `"never"` none, `"errors"` also memoizes deterministic errors. */
export type MemoPolicy = 'default' | 'always' | 'never' | 'errors';
