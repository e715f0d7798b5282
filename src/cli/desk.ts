import type { Importer } from '../agent/importer.ts';
import type { CID } from '../ipld/cid.ts';
import type { EventView, Records } from '../protocol/records.ts';
import type { Outcome } from '../receipt/outcome.ts';
import type { Receipt } from '../receipt/model.ts';
import type { Detached, Driver } from '../scheduler/driver.ts';
import type { EndedJob, runJob } from '../sdk/run-job.ts';
import type { Store } from '../store/store.ts';

/** Where a command works: on a home of this machine, or at an agent. */
export interface Desk extends AsyncDisposable {
  /** For people: the path of the home or the address of the agent. */
  readonly place: string;
  readonly store: Store;
  readonly driver: Driver;
  /** Where files of the user's are put. */
  readonly importer: Importer;
  /** Undefined where there is no agent to drive runs. */
  readonly detached: Detached | undefined;
  /** What a task writes, as it does. Undefined where there is no agent to tell it. */
  readonly followTask: ((instruction: CID, signal: AbortSignal) => AsyncIterable<EventView>) | undefined;
  /** Runs a named module by the one request that a token for single modules allows. Undefined where there is no agent. */
  readonly job: ((job: Parameters<typeof runJob>[1]) => Promise<EndedJob>) | undefined;
  /** Loaded when asked for: a run needs none of it. */
  readonly records: () => Promise<Records>;
  /** The same, from whoever drives what goes on there: more is known of a run by its driver than by the home. */
  readonly live: () => Promise<Records>;
  /** How the first task of a run ended; undefined if it did not. */
  readonly firstResult: (run: string) => Promise<TaskResult | undefined>;
}

export interface TaskResult {
  readonly cid: CID;
  readonly receipt: Receipt;
  readonly outcome: Outcome;
}
