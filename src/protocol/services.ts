import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { ManifestLimits } from '../manifest/model.ts';
import type { ManifestRow, NamedModule } from '../manifest/row.ts';
import type { Outcome } from '../receipt/outcome.ts';
import type { ModuleRecords, Records } from './records.ts';
import type { Rights } from './rights.ts';

/** What an agent offers: its records, and work. All throw `DocketError`s. */
export interface Services extends Records {
  readonly modules: ModuleService;
  readonly jobs: JobService;
  readonly work: WorkService;
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
  /** What can be said before its stdin was taken in. Throws `OP_REFUSED`, `AGENT_FULL`. */
  admit(reference: string): void;
  /** Runs a named module on what it reads from stdin. Throws as `admit`. */
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
  /** Starts a workflow; resolves when it is recorded. */
  submit(submission: RunSubmission): Promise<{ readonly run: string; readonly isNew: boolean }>;
  /**
   * Takes up a run, by its id, the beginning of one, or `last`; gives the id. One that is complete, or that this agent drives already, stays as it is. Resolves
   * when that is recorded. Throws `RUN_UNKNOWN`, `RUN_BUSY`.
   */
  resume(run: string, options: Pick<RunRequest, 'slots' | 'failFast'>): Promise<string>;
}

export interface RunRequest {
  readonly slots?: number;
  readonly force?: 'all' | readonly string[];
  readonly failFast?: boolean;
}

/** A workflow to be compiled there, or a plan that was compiled by whoever sends it. */
export type Submitted =
  | { readonly kind: 'workflow'; readonly text: string; readonly file: string; readonly inputs: Readonly<Record<string, string>> }
  | { readonly kind: 'plan'; readonly plan: CID };

export interface RunSubmission {
  readonly what: Submitted;
  readonly options: RunRequest;
  /** Whether tasks get the clock and randomness they ask for, whatever the agent's policy. */
  readonly isTrusted: boolean;
  /** The same again is the same run. */
  readonly key: string | undefined;
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
