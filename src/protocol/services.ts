import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { RunCounts, RunState } from '../workflow/run-state.ts';
import type { ManifestRow } from '../manifest/row.ts';
import type { ManifestLimits } from '../manifest/model.ts';
import type { Outcome } from '../receipt/outcome.ts';
import type { Store } from '../store/store.ts';
import type { Rights } from './rights.ts';

/** What the API is a door to. All throw `DocketError`s. */
export interface Services {
  readonly store: Store;
  readonly modules: ModuleService;
  readonly jobs: JobService;
  readonly runs: RunService;
  readonly tasks: TaskService;
  /** Throws `RECEIPT_UNKNOWN`. */
  readonly receipt: (cid: CID) => { readonly bytes: Uint8Array; readonly document: Ipld };
  readonly status: () => AgentStatus;
}

export interface ModuleService {
  /** Reads a manifest and names it. */
  push(toml: string): Promise<ManifestRow>;
  attach(name: string, version: string, module: CID): Promise<ManifestRow & { readonly module: CID }>;
  /** A version with its module. */
  find(reference: string): ManifestRow & { readonly module: CID };
  /** A version, also one whose module was not sent yet. */
  findManifest(reference: string): ManifestRow;
  list(): readonly ManifestRow[];
}

export interface JobService {
  /** Runs a named module on what it reads from stdin. */
  run(job: {
    readonly reference: string;
    readonly stdin: Ipld;
    /** What it may not exceed, whatever the manifest says. */
    readonly limits: ManifestLimits;
    readonly signal: AbortSignal;
  }): Promise<JobEnd>;
  /** Throws `FORBIDDEN` if these rights do not include running this module. */
  checkRights(reference: string, rights: Rights): void;
  /** The newest first. */
  list(limit: number): readonly JobRow[];
}

/** A job that ended. */
export interface JobEnd {
  readonly run: string;
  /** Undefined if it was cancelled before it could end. */
  readonly receipt: CID | undefined;
  /** Whether it was found. */
  readonly isCached: boolean;
  readonly outcome: Outcome | undefined;
  /** The named modules whose functions it imported, by the name it imported them from. */
  readonly extensions: Readonly<Record<string, { readonly name: string; readonly module: string }>>;
}

export interface JobRow {
  readonly run: string;
  readonly name: string;
  readonly state: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly finished: number | null;
}

export interface RunService {
  /** Starts a workflow; resolves when it is recorded. */
  submit(submission: RunSubmission): Promise<{ readonly run: string; readonly isNew: boolean }>;
  /** The newest first, those that sort before `before`. */
  list(filter: { readonly limit: number; readonly state?: RunState; readonly before?: string }): readonly RunView[];
  /** Throws `RUN_UNKNOWN`, as all below. */
  get(run: string): RunView;
  /** From the task with this index on. */
  tasks(
    run: string,
    page: { readonly from: number; readonly limit: number },
  ): Promise<{ readonly tasks: readonly TaskView[]; readonly total: number }>;
  graph(run: string): Promise<RunGraph>;
  /** Gives the state it is in when it has ended. */
  cancel(run: string, signal: AbortSignal): Promise<RunState>;
  /** Forgets a run that is over. Throws `RUN_BUSY`. */
  delete(run: string): Promise<void>;
  /** What happened after that event, and what happens, until the run is over. */
  events(run: string, after: number, signal: AbortSignal): AsyncIterable<EventView>;
}

/** What tasks write, each named by the CID of its instruction. Both throw `TASK_UNKNOWN`. */
export interface TaskService {
  logs(task: CID): TaskLogs;
  /** What it writes until it has ended; of one that has, what it wrote. Throws before anything is given. */
  follow(task: CID, signal: AbortSignal): AsyncIterable<EventView>;
}

export interface TaskLogs {
  readonly task: CID;
  readonly isRunning: boolean;
  /** How it ended last, if it ever did. Streams are texts, bytes, or links to blobs. */
  readonly ended:
    | {
        readonly receipt: CID;
        readonly state: 'ok' | 'failed';
        /** `message [code]`. */
        readonly failure: string | null;
        readonly stdout: Ipld;
        readonly stderr: Ipld;
      }
    | undefined;
}

export interface RunSubmission {
  readonly text: string;
  readonly file: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly options: { readonly slots?: number; readonly force?: 'all' | readonly string[]; readonly failFast?: boolean };
  readonly key: string | undefined;
}

export interface RunView {
  readonly run: string;
  readonly name: string;
  readonly workflow: CID;
  readonly state: RunState;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly finished: number | null;
  readonly tasks: RunCounts | null;
  readonly outputs: Readonly<Record<string, Ipld>>;
}

/** A task of a run as it is listed. */
export interface TaskView {
  readonly index: number;
  readonly label: string;
  readonly instruction: string;
  /** How it ended; `pending` if it has not, and `cached` also where it was not needed. */
  readonly state: string;
  readonly via: string | null;
  readonly attempts: number;
  readonly receipt: string | null;
  /** `message [code]` of a task that failed. */
  readonly error: string | null;
}

export interface RunGraph {
  readonly tasks: readonly { readonly label: string; readonly group: string; readonly awaits: readonly number[] }[];
}

/** `data` is JSON. */
export interface EventView {
  readonly seq: number;
  readonly kind: string;
  readonly data: string;
}

export interface AgentStatus {
  readonly did: string;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly started: number;
  readonly slots: number;
  /** What its runners can do. */
  readonly ops: readonly string[];
  /** `host:port` it listens on. */
  readonly address: string;
}
