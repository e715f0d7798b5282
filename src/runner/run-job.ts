import { type ErrorCode, isDocketError } from '../errors.ts';
import type { Failure } from '../receipt/outcome.ts';
import { BlobReader } from '../store/blob-reader.ts';
import { VerifiedFiles } from '../store/verified-files.ts';
import type { Garbage } from './garbage.ts';
import type { Job, JobEnd } from './job.ts';
import type { LiveWriter } from './live-writer.ts';
import { MemoryPool } from './memory-pool.ts';
import { ModuleCache } from './module-cache.ts';
import type { Bench, Op, Ran } from './op.ts';
import { OPS } from './ops.ts';
import { failed, Refusal } from './refusal.ts';
import { run as wasiRun } from './wasi-run.ts';
import { run as wasmRun } from './wasm-run.ts';

const RUNNERS: Readonly<Record<string, Op>> = { 'wasi/run': wasiRun, 'wasm/run': wasmRun };

/** Runs the jobs of one slot process, one after another. Keeps what may outlive a job: compiled modules, and which files were verified. */
export class JobRunner {
  readonly #storeRoot: string;
  readonly #modules: ModuleCache;
  readonly #memories = new MemoryPool();
  readonly #verified = new VerifiedFiles();
  /** Where the job before ended; asking twice for each job costs as much as an instance. What reading and writing the pipe takes counts for a job too. */
  #cpuBefore = process.threadCpuUsage();

  readonly #live: LiveWriter;
  readonly #garbage: Garbage;

  constructor(storeRoot: string, live: LiveWriter, garbage: Garbage) {
    this.#storeRoot = storeRoot;
    this.#garbage = garbage;
    this.#live = live;
    this.#modules = new ModuleCache((bytes) => garbage.note(bytes));
  }

  /**
   * A failure of the store ends the job as `lost`, with the error's code in its data, to be tried again. Anything else thrown is a bug in Docket: it ends
   * the process, and so tells its stack to whoever waits for the job.
   */
  run(job: Job): JobEnd {
    // Of this thread: asking for the whole process costs as much as an instance once V8's helpers have many threads.
    const { outcome, usage, small, written } = this.#attempt(job);
    const before = this.#cpuBefore;
    const now = process.threadCpuUsage();
    this.#cpuBefore = now;
    const cpu = (now.user + now.system - before.user - before.system) / 1000;
    return { id: job.id, outcome, usage: { ...usage, cpu }, small, written };
  }

  #attempt(job: Job): Ran {
    this.#live.begin(job.id);
    try {
      const op = RUNNERS[job.op];
      const traits = OPS[job.op];
      if (op === undefined || traits === undefined) throw new Refusal('invalid', `there is no op ${job.op}`);
      const unknown = job.grants.filter((grant) => !traits.grants.includes(grant));
      if (unknown.length > 0) throw new Refusal('invalid', `${job.op} knows no grant ${unknown.join(', ')}`);
      const blobs = new BlobReader(this.#storeRoot, job.small, this.#verified);
      const onOutput: Bench['onOutput'] = (stream, content) => this.#live.wrote(stream, content);
      return op(job, {
        blobs,
        modules: this.#modules,
        memories: this.#memories,
        storeRoot: this.#storeRoot,
        garbage: this.#garbage,
        onOutput,
      });
    } catch (error) {
      return failed(error instanceof Refusal ? error.failure : hostFailure(error));
    }
  }
}

/** Faults of the input that come to light only when it is used. */
const INVALID: ReadonlySet<string> = new Set<ErrorCode>(['BLOB_TOO_LARGE', 'CID_INVALID', 'TREE_INVALID', 'USAGE']);

function hostFailure(error: unknown): Failure {
  if (!isDocketError(error)) throw error;
  const { code, message } = error;
  return INVALID.has(code) ? { code: 'invalid', message } : { code: 'lost', message, data: { error: code } };
}
