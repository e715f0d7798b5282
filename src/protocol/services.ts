import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { ManifestLimits } from '../manifest/model.ts';
import type { ManifestRow, NamedModule } from '../manifest/row.ts';
import type { Outcome } from '../receipt/outcome.ts';
import type { Agree } from '../workflow/agree.ts';
import type { Source } from '../workflow/compile.ts';
import type { EventView, ModuleRecords, Records } from './records.ts';
import type { Rights } from './rights.ts';
import type { RunTold } from './run-told.ts';

/** What an agent offers: its records, and work. All throw `DocketError`s. */
export interface Services extends Records {
  readonly modules: ModuleService;
  readonly jobs: JobService;
  readonly work: WorkService;
  readonly tasks: TaskService;
  readonly actions: ActionService;
  /** Why the agent can take no work; nothing if it can. */
  readonly obstacles: () => Promise<readonly string[]>;
  /** Everything the agent counts, in Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  readonly status: () => AgentStatus;
}

/** Serval's way to name a module: first the manifest, then the module. */
export interface ModuleService extends ModuleRecords {
  announce(toml: string): Promise<ManifestRow>;
  /** Gives a manifest its module. Throws `MANIFEST_UNKNOWN`, `MANIFEST_EXISTS`, `MODULE_INVALID`. */
  attach(name: string, version: string, module: CID): Promise<NamedModule>;
  /** A version, also one whose module was not sent yet. */
  findManifest(reference: string): Promise<ManifestRow>;
  /** Every version of every name. */
  list(): Promise<readonly ManifestRow[]>;
}

export interface JobService {
  /** What can be said before its stdin was taken in. Throws `OP_REFUSED`, `AGENT_FULL`, `NOT_READY`. */
  admit(reference: string): void;
  /** Runs a named module on what it reads from stdin. Throws as `admit`. */
  run(job: {
    readonly reference: string;
    readonly stdin: Ipld;
    /** What it may not exceed, whatever the manifest says. */
    readonly limits: ManifestLimits;
    readonly signal: AbortSignal;
    /** The header of that name, as it came. */
    readonly traceparent: string | undefined;
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

export interface WorkService {
  /** Starts a workflow; resolves when it is recorded. Throws `NOT_READY` while the agent is being stopped. */
  submit(submission: RunSubmission): Promise<{ readonly run: string; readonly isNew: boolean }>;
  /**
   * Takes up a run, by its id, the beginning of one, or `last`; gives the id. One that is complete stays as it is. Resolves when that is recorded. Throws
   * `RUN_UNKNOWN`, `RUN_BUSY` if it goes on, and as `submit`.
   */
  resume(run: string, options: RunResumption): Promise<string>;
  /**
   * How the tasks of a run ended, each when that is committed, found ones too; last how the run did. `turn` is waited for before a receipt is read, and what it gave
   * disposed of when more is asked for. Throws `RUN_UNKNOWN`.
   */
  ends(run: string, signal: AbortSignal, turn?: () => Promise<Disposable>): AsyncIterable<RunTold>;
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

export interface RunRequest {
  readonly slots?: number;
  readonly force?: 'all' | readonly string[];
  readonly failFast?: boolean;
  /** As of `DriveOptions`, in ms. */
  readonly awaitTime?: number;
  /** As of `DriveOptions`. */
  readonly agree?: Agree;
  readonly weight?: number;
}

export interface RunResumption extends Pick<RunRequest, 'slots' | 'failFast' | 'awaitTime'> {
  /** As of `RunSubmission`. */
  readonly isTrusted: boolean;
}

/** A workflow to be compiled there, or a plan that was compiled by whoever sends it. */
export type Submitted =
  | { readonly kind: 'workflow'; readonly source: Source; readonly file: string; readonly inputs: Readonly<Record<string, string>> }
  | { readonly kind: 'plan'; readonly plan: CID };

export interface RunSubmission {
  readonly what: Submitted;
  readonly options: RunRequest;
  /** Whether tasks get the clock and randomness they ask for, whatever the agent's policy, and a plan may be as large as plans can be. */
  readonly isTrusted: boolean;
  /** The same again is the same run. */
  readonly key: string | undefined;
  /** The header of that name, as it came. */
  readonly traceparent: string | undefined;
  /** A place of whoever sends it among others of its kind, freed when the run has ended or was refused. */
  readonly share?: Disposable;
}

/** What other build tools keep here under the SHA2-256 of their actions, in hexadecimal. */
export interface ActionService {
  find(digest: string): CID | undefined;
  /** Resolves when it is durable. */
  file(digest: string, entry: CID): Promise<void>;
}

export interface AgentStatus {
  readonly did: string;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly started: number;
  readonly slots: number;
  /** What it runs. */
  readonly ops: readonly string[];
  /** What its owner tells of it. */
  readonly tags: Readonly<Record<string, string>>;
  /** `host:port` it listens on. */
  readonly address: string;
}
