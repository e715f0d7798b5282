/** Limits of one task, defaults filled in. Every one of them is enforced; a limit that cannot be is refused at submit. */
export interface Limits {
  /** Bytes of WebAssembly memory, a multiple of 64 KiB; default 1 GiB, at most 4 GiB. */
  readonly memory: number;
  /** Milliseconds of wall time; default 600,000. */
  readonly time: number;
  /** Bytes a task may write: stdout, stderr and files together; default 1 GiB. */
  readonly output: number;
  /** Open descriptors at a time; default 256. */
  readonly openFiles: number;
}

export interface Retry {
  /** Attempts in all, the first included; default 3. */
  readonly attempts: number;
  /** Milliseconds before the second attempt, doubled for each further one; default 250. */
  readonly backoff: number;
  /** Whether a task's own failure is tried again too; lost runners always are. Default false. */
  readonly onFailure: boolean;
}
