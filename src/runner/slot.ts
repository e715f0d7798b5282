import type { Clock } from '../base/clock.ts';
import type { EventLog } from '../base/event-log.ts';
import { DocketError, isDocketError } from '../errors.ts';
import type { Job } from './job.ts';
import { Encoder } from './protocol.ts';
import { type SlotCommand, slotCommand } from './slot-command.ts';
import { type SlotEnd, SlotLine } from './slot-line.ts';

export type { LossCode, SlotEnd } from './slot-line.ts';

interface Options {
  /** Root of the disk store: all a slot process may read and write besides reading Docket's code. */
  readonly storeRoot: string;
  /** Shows in the process's title. */
  readonly index: number;
  readonly clock: Clock;
  /** What slot processes write to stderr: crash reports of V8, and Docket's own bugs. */
  readonly onLog?: (text: string) => void;
  /** A process of this slot is gone; it may have left temporary files in the store. */
  readonly onGone?: () => void;
}

/**
 * Runs jobs one at a time in a process of its own, which is started at the first job and replaced when it died.
 *
 * Invariants
 * 1. At most one process takes jobs; one that is being killed takes none, so the next job starts a new one.
 * 2. No process outlives the slot, nor the process that owns the slot.
 */
export class Slot implements AsyncDisposable {
  readonly #options: Options;
  readonly #command: SlotCommand;
  readonly #encoder = new Encoder();
  readonly #lines = new Set<SlotLine>();
  #current: SlotLine | undefined;
  #isClosed = false;

  private constructor(options: Options) {
    this.#options = options;
    this.#command = slotCommand(options.storeRoot, { title: `docket-slot-${options.index}` });
  }

  /** Starts no process yet. */
  static start(options: Options): Slot {
    return new Slot(options);
  }

  /** Of the process that would get the next job, if there is one. */
  get pid(): number | undefined {
    return this.#current?.isOpen === true ? this.#current.pid : undefined;
  }

  /**
   * Runs `job` after those submitted before it; several may be outstanding. Its time limit counts from when its turn comes.
   * Aborting kills the process if the job's turn has come, else takes the job back; either way the end is `lost`, code `cancelled`.
   * How a job ends is data; throws `CANCELLED` if the slot was disposed of.
   */
  async submit(job: Job, { signal }: { readonly signal: AbortSignal }): Promise<SlotEnd> {
    if (this.#isClosed) throw new DocketError('CANCELLED', 'the slot is closed');
    const usage = { wall: 0, cpu: 0, memory: 0, output: 0 };
    if (signal.aborted) return { kind: 'lost', code: 'cancelled', message: 'the task was cancelled before it ran', usage };
    try {
      return await this.#line().submit(job, signal);
    } catch (error) {
      if (!isDocketError(error)) throw error;
      const outcome = { tag: 'error', failure: { code: 'invalid', message: `the task's input cannot be sent: ${error.message}` } } as const;
      return { kind: 'ended', end: { id: job.id, outcome, usage, small: new Map(), written: [] } };
    }
  }

  /** What a task writes, if it has a job here. */
  live(task: Uint8Array): EventLog | undefined {
    for (const line of this.#lines) {
      const log = line.live(task);
      if (log !== undefined) return log;
    }
    return undefined;
  }

  /** Kills what runs: its job ends as `lost`, code `cancelled`, those behind it as `unstarted`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#lines].map((line) => line.close()));
  }

  #line(): SlotLine {
    if (this.#current?.isOpen === true) return this.#current;
    const { storeRoot, clock, onLog, onGone } = this.#options;
    const line: SlotLine = new SlotLine(this.#command, {
      storeRoot,
      clock,
      encoder: this.#encoder,
      onLog: onLog ?? (() => undefined),
      onGone: () => {
        this.#lines.delete(line);
        onGone?.();
      },
    });
    this.#lines.add(line);
    this.#current = line;
    return line;
  }
}
