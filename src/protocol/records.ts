import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { NamedModule } from '../manifest/row.ts';
import type { Store } from '../store/store.ts';
import type { RunCounts, RunState } from '../workflow/run-state.ts';
import type { Check, Looked } from './checks.ts';
import type { Explanation } from './explanation.ts';
import type { Rights } from './rights.ts';
import type { TrustRecords } from './trust.ts';

/** What a home keeps, whether it is opened here or asked for over HTTP. All throw `DocketError`s. */
export interface Records {
  /** Where that is, for people: the path of the home or the address of the agent. */
  readonly place: string;
  readonly store: Store;
  readonly modules: ModuleRecords;
  readonly runs: RunRecords;
  readonly receipts: ReceiptRecords;
  readonly tokens: TokenRecords;
  readonly trust: TrustRecords;
  readonly aliases: AliasRecords;
  /** Looks through these blobs, or through all there is. */
  check(cids: readonly CID[], signal: AbortSignal): AsyncIterable<Looked>;
}

export interface ModuleRecords {
  /** Names a module that is stored, by a manifest given as its TOML. Throws `MANIFEST_…`, `LIMIT_REFUSED`, `MODULE_INVALID`. */
  push(toml: string, module: CID): Promise<NamedModule>;
  /** The version a reference means, among those that have their module. Throws `MANIFEST_UNKNOWN`. */
  find(reference: string): Promise<NamedModule>;
  /** The newest version of every name. */
  names(): Promise<readonly NamedSummary[]>;
  /** Every version that has its module, the newest first. Throws `MANIFEST_UNKNOWN`. */
  versions(name: string): Promise<readonly NamedModule[]>;
  /** Takes names away; gives the versions. Throws `MANIFEST_UNKNOWN`. */
  remove(reference: string): Promise<readonly string[]>;
}

export interface NamedSummary {
  readonly latest: NamedModule;
  readonly versions: number;
}

export interface RunRecords {
  /** The newest first, those that sort before `before`. */
  list(filter: RunFilter): Promise<readonly RunView[]>;
  /** By its id, the beginning of one, or `last`. Throws `RUN_UNKNOWN`, as all below. */
  find(word: string): Promise<RunView>;
  /** Tasks from this index on. */
  tasks(run: string, page: { readonly from: number; readonly limit: number }): Promise<TaskPage>;
  graph(run: string): Promise<RunGraph>;
  /** Why a task was run, or was not; a task by its label, its instruction, or the beginning of either. Throws `TASK_UNKNOWN`. */
  why(run: string, task: string): Promise<{ readonly label: string; readonly why: Explanation }>;
  /** What tasks wrote: of those that wrote anything or failed, or of one alone. Throws `TASK_UNKNOWN`, `RECEIPT_UNKNOWN`. */
  logs(run: string, task?: string): AsyncIterable<TaskLog>;
  /** Gives the state it is in when it has ended. Throws `RUN_BUSY`. */
  cancel(run: string, signal: AbortSignal): Promise<RunState>;
  /** Forgets a run that is over. Throws `RUN_BUSY`. */
  delete(run: string): Promise<void>;
  /** What happened after that event, and what happens, until the run is over. */
  events(run: string, after: number, signal: AbortSignal): AsyncIterable<EventView>;
}

export interface RunFilter {
  readonly limit: number;
  readonly state?: RunState;
  readonly before?: string;
}

export interface RunView {
  readonly run: string;
  readonly name: string;
  readonly workflow: CID;
  /** The blob of its plan; null if it was made by a Docket that kept none. */
  readonly plan: CID | null;
  readonly state: RunState;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly finished: number | null;
  readonly tasks: RunCounts | null;
  readonly outputs: Readonly<Record<string, Ipld>>;
  /** As asked for when it was started. */
  readonly slots: number | null;
  readonly failFast: boolean;
  /** DID of the member of the mesh that drives it, or did last; not there if nobody else could. */
  readonly coordinator?: string | undefined;
  /** DID of the member that it waits for, which alone has what it needs: it was lost before others could have it. */
  readonly awaits?: string | undefined;
  /** Of a run of a mesh that goes on: there as long as its coordinator alone has all that it needs. */
  readonly unsecured?: Unsecured | undefined;
  /** Why it failed, if not for its tasks. */
  readonly failure?: RunFailure;
  /** What it waits for before its first task begins; not there if that is nothing. */
  readonly fetching?: readonly FetchView[] | undefined;
  /** What was fetched for it, the first thousand; not there if that is nothing, or whoever fetched it did not say. */
  readonly fetched?: readonly FetchedView[] | undefined;
}

/** What kept the rest from being put into the mesh; it is tried again. Empty if it is on its way, or only the coordinator could tell. */
export interface Unsecured {
  /** Of docs/errors.md. */
  readonly code?: string;
  readonly message?: string;
}

/** A resource that was fetched. */
export interface FetchedView {
  /** As the workflow names it. */
  readonly resource: string;
  readonly from: string;
  readonly bytes: number;
  readonly seconds: number;
  /** What it gave, in the store. */
  readonly blob: string;
  /** Whether that was checked against a CID or an integrity. If not, the resource may give something else tomorrow. */
  readonly isVerified: boolean;
}

export interface RunFailure {
  /** Of docs/errors.md. */
  readonly code: string;
  readonly message: string;
  readonly next: string;
}

/** A resource on its way. */
export interface FetchView {
  readonly resource: string;
  /** Who it comes from; null as long as nobody gave anything. */
  readonly from: string | null;
  readonly bytes: number;
  /** How many there will be, if that is known. */
  readonly size: number | null;
}

export interface TaskPage {
  readonly tasks: readonly TaskView[];
  readonly total: number;
}

/** A task of a run as it is listed. */
export interface TaskView {
  readonly index: number;
  readonly label: string;
  readonly instruction: string;
  /** How it ended; `running`, `retrying` or `pending` if it has not, and `cached` also where it was not needed. */
  readonly state: string;
  readonly via: string | null;
  /** Number of its last attempt, 0 if there was none. An offer to another agent that came to nothing has a number too: so many need not have begun. */
  readonly attempts: number;
  readonly receipt: string | null;
  /** DID of who runs it, or whose receipt that is; null if nobody does, or it is not known. */
  readonly agent: string | null;
  /** `message [code]` of a task that failed, or of its last attempt. */
  readonly error: string | null;
}

export interface RunGraph {
  readonly tasks: readonly { readonly label: string; readonly group: string; readonly awaits: readonly number[] }[];
}

/** What a task wrote when it ran: text, bytes, or a link to a blob. */
export interface TaskLog {
  readonly label: string;
  readonly state: string;
  readonly via: string | null;
  readonly stdout: Ipld;
  readonly stderr: Ipld;
  /** `message [code]` of a task that failed. */
  readonly failure: string | null;
}

/** `data` is JSON. */
export interface EventView {
  readonly seq: number;
  readonly kind: string;
  readonly data: string;
}

export interface ReceiptRecords {
  /** The signed bytes, DAG-CBOR. Undefined if there is none. */
  get(cid: CID): Promise<Uint8Array | undefined>;
  /** The newest first. */
  ofInstruction(instruction: CID, limit: number): Promise<readonly ReceiptSummary[]>;
  /** Everything it rests on that is here. Throws `RECEIPT_UNKNOWN`. */
  check(cid: CID): AsyncIterable<Check>;
}

export interface ReceiptSummary {
  readonly receipt: CID;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** `ok` or `error`. */
  readonly out: string;
}

/** Blobs by the CIDs that IPFS has for them. */
export interface AliasRecords {
  /** The blob that is called so; undefined if none is known. */
  find(name: CID): Promise<CID | undefined>;
  /** What `ipfs add --cid-version 1` calls a blob, which is found by that name from now on. Throws `BLOB_MISSING`. */
  name(blob: CID): Promise<CID>;
}

export interface TokenRecords {
  /** Makes one, good for so many milliseconds or until it is revoked. It is given once, here. Throws `LIMIT_REFUSED`. */
  create(rights: Rights, lifetime: number | undefined): Promise<TokenView & { readonly token: string }>;
  list(): Promise<readonly TokenView[]>;
  /** Throws `TOKEN_UNKNOWN`. */
  revoke(id: string): Promise<void>;
}

export interface TokenView {
  readonly id: string;
  readonly rights: Rights;
  /** Milliseconds since the epoch; null for one that does not expire. */
  readonly created: number;
  readonly expires: number | null;
}
