import type { Outcome, Usage } from '../receipt/outcome.ts';
import type { Content } from '../sandbox/files/content.ts';
import type { BlobReader } from '../store/blob-reader.ts';
import type { Garbage } from './garbage.ts';
import type { Job, JobEnd } from './job.ts';
import type { MemoryPool } from './memory-pool.ts';
import type { ModuleCache } from './module-cache.ts';
import type { OutputStream } from './output-frame.ts';

/** What an op has to work with inside of a slot process. */
export interface Bench {
  /** Sees the job's small blobs and the disk store. */
  readonly blobs: BlobReader;
  readonly modules: ModuleCache;
  readonly memories: MemoryPool;
  readonly garbage: Garbage;
  /** Root of the disk store. */
  readonly storeRoot: string;
  /** Told when a guest adds to one of its streams. */
  readonly onOutput: (stream: OutputStream, content: Content) => void;
}

/** What running gave. Processor time is measured around it. */
export interface Ran extends Pick<JobEnd, 'small' | 'written'> {
  readonly outcome: Outcome;
  readonly usage: Omit<Usage, 'cpu'>;
}

/** Runs a job to its end, synchronously. Failures of the task are data; throws only what is the host's (a damaged blob, a full disk). */
export type Op = (job: Job, bench: Bench) => Ran;
