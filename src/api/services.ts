import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { ManifestRow } from '../ledger/manifests.ts';
import type { Outcome } from '../receipt/outcome.ts';
import type { Store } from '../store/store.ts';

/** What the API is a door to. All throw `DocketError`s. */
export interface Services {
  readonly store: Store;
  readonly modules: ModuleService;
  readonly jobs: JobService;
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
  run(job: { readonly reference: string; readonly stdin: Ipld; readonly signal: AbortSignal }): Promise<JobEnd>;
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

export interface AgentStatus {
  readonly did: string;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly started: number;
  readonly slots: number;
}
