import type { Clock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import type { EventLog } from '../base/event-log.ts';
import type { Usage } from '../receipt/outcome.ts';
import type { Job, JobEnd } from './job.ts';
import { LiveOutput } from './live-output.ts';
import type { OutputFrame } from './output-frame.ts';
import { type ProcessSample, sampleProcess } from './process-sample.ts';
import type { Encoder, Message } from './protocol.ts';
import { ResidentAllowance } from './resident-allowance.ts';
import { SlotChild } from './slot-child.ts';
import type { SlotCommand } from './slot-command.ts';

/**
 * One slot process and the jobs in line before it.
 *
 * Invariants
 * 1. The process runs its jobs in the order they were sent; the first of the line is the one it runs, or will run when it has started.
 * 2. Every job settles exactly once: by its end, by being withdrawn, or when the process is gone.
 * 3. Only the first of the line is blamed for the death of its process. If it was killed for a job whose end was already on its way, nobody is to
 *    blame. All others are `unstarted`.
 * 4. A job's clock runs from when it is first of the line in a process that has started. Messages that have arrived are looked at
 *    before a limit is enforced, so that a busy loop here does not kill a job that kept its limit.
 * 5. Each state has a timer out of it: starting, running, and dying too (a process in the kernel's hands may ignore even SIGKILL).
 */

export type SlotEnd =
  | { readonly kind: 'ended'; readonly end: JobEnd }
  | {
      readonly kind: 'lost';
      readonly code: LossCode;
      readonly message: string;
      /** Seen from outside: processor time to within the watchdog's period, `memory` the highest resident size of the process. */
      readonly usage: Usage;
    }
  /** It was in line behind a job that took the process down: to be given elsewhere, as if nothing had been. */
  | { readonly kind: 'unstarted' };

export type LossCode = 'limit/time' | 'limit/host-memory' | 'lost' | 'cancelled';

interface Place {
  /** On the pipe; job ids are unique per caller, and callers may take turns. */
  readonly wire: number;
  readonly job: Job;
  readonly settle: (end: SlotEnd) => void;
  isSettled: boolean;
  /** What it wrote so far; made when there is something, or somebody asks. */
  live?: LiveOutput;
}

type State =
  | { readonly kind: 'starting' }
  | { readonly kind: 'serving' }
  | { readonly kind: 'dying'; readonly blamed: Place | undefined; readonly code: LossCode; readonly message: string }
  | { readonly kind: 'gone' };

/** Milliseconds. Starting takes some 100 from built code, 300 from source. */
const START_PATIENCE = 30_000;
const DEATH_PATIENCE = 5_000;
/** What a job that was withdrawn may still run for, having reached the front before the process could know: killing costs more than most jobs. */
const GHOST_PATIENCE = 50;
const WATCH_EVERY = 50;
const MOST_TIMER = 2 ** 31 - 1;

const NOTHING: Usage = { wall: 0, cpu: 0, memory: 0, output: 0 };

export class SlotLine {
  readonly #clock: Clock;
  readonly #encoder: Encoder;
  readonly #child: SlotChild;
  readonly #allowance: ResidentAllowance;
  readonly #onGone: () => void;
  readonly #line: Place[] = [];
  readonly #gone = deferred<void>();
  #state: State = { kind: 'starting' };
  #nextWire = 1;
  #cancelDeadline: () => void;
  #cancelWatch: (() => void) | undefined;
  #headSince = 0;
  #headBefore: ProcessSample | undefined;
  #sample: ProcessSample | undefined;
  #peak = 0;

  constructor(
    command: SlotCommand,
    options: {
      readonly storeRoot: string;
      readonly clock: Clock;
      readonly encoder: Encoder;
      readonly onLog: (text: string) => void;
      readonly onGone: () => void;
    },
  ) {
    this.#clock = options.clock;
    this.#encoder = options.encoder;
    this.#allowance = new ResidentAllowance(options.storeRoot);
    this.#onGone = options.onGone;
    this.#child = new SlotChild(command, {
      onMessage: (message) => this.#receive(message),
      onOutput: (output) => this.#hear(output),
      onNonsense: (error) => this.#kill('lost', `the slot process sent what is no message: ${String(error)}`),
      onExit: (reason) => this.#exited(reason),
      onLog: options.onLog,
    });
    this.#cancelDeadline = this.#clock.after(START_PATIENCE, () =>
      this.#kill('lost', `the slot process did not start within ${START_PATIENCE} ms`),
    );
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether it may be given jobs. */
  get isOpen(): boolean {
    return this.#state.kind === 'starting' || this.#state.kind === 'serving';
  }

  /** Throws `INTERNAL`, `IPLD_INVALID` if the job cannot be sent. */
  submit(job: Job, signal: AbortSignal): Promise<SlotEnd> {
    const wire = this.#nextWire++;
    this.#child.send(this.#encoder.job({ ...job, id: wire }));
    const ended = deferred<SlotEnd>();
    const onAbort = (): void => this.#abort(place);
    const place: Place = {
      wire,
      job,
      isSettled: false,
      settle: (end) => {
        if (place.isSettled) return;
        place.isSettled = true;
        place.live?.close();
        signal.removeEventListener('abort', onAbort);
        ended.resolve(end);
      },
    };
    signal.addEventListener('abort', onAbort);
    this.#line.push(place);
    if (this.#line.length === 1 && this.#state.kind === 'serving') this.#beginHead();
    return ended.promise;
  }

  /** Kills it; resolves when it is gone. */
  close(): Promise<void> {
    this.#kill('cancelled', 'the slot was closed');
    return this.#gone.promise;
  }

  #receive(message: Message): void {
    if (message.kind === 'ready') {
      if (this.#state.kind !== 'starting') return;
      this.#state = { kind: 'serving' };
      this.#cancelDeadline();
      if (this.pid !== undefined) this.#sample = sampleProcess(this.pid);
      this.#beginHead();
      return;
    }
    const head = this.#line[0];
    if (head === undefined || head.wire !== message.end.id) {
      this.#kill('lost', `the slot process ended job ${message.end.id} out of turn`);
      return;
    }
    this.#line.shift();
    head.settle({ kind: 'ended', end: { ...message.end, id: head.job.id } });
    if (this.#state.kind !== 'serving') return;
    this.#cancelDeadline();
    this.#beginHead();
  }

  /** Of a job that has ended meanwhile it is not worth telling: its end says all. */
  #hear(output: OutputFrame): void {
    const head = this.#line[0];
    if (head === undefined || head.wire !== output.job || head.isSettled) return;
    (head.live ??= new LiveOutput()).add(output);
  }

  /** What the job of a task writes, if it is in line here. */
  live(task: Uint8Array): EventLog | undefined {
    const place = this.#line.find(({ job, isSettled }) => !isSettled && job.task !== undefined && Buffer.compare(job.task, task) === 0);
    return place && (place.live ??= new LiveOutput()).log;
  }

  #beginHead(): void {
    const head = this.#line[0];
    if (head === undefined) {
      this.#cancelWatch?.();
      this.#cancelWatch = undefined;
      return;
    }
    this.#headSince = this.#clock.monotonic();
    this.#headBefore = this.#sample;
    this.#peak = 0;
    const patience = head.isSettled ? GHOST_PATIENCE : Math.min(head.job.limits.time, MOST_TIMER);
    this.#cancelDeadline = this.#clock.after(patience, () => setImmediate(() => this.#expire(head)));
    if (this.#cancelWatch === undefined) this.#watch();
  }

  #expire(head: Place): void {
    if (this.#line[0] === head) this.#kill('limit/time', `the task ran longer than its limit of ${head.job.limits.time} ms`);
  }

  #abort(place: Place): void {
    if (this.#line[0] === place && this.#state.kind === 'serving') this.#kill('cancelled', 'the task was cancelled while it ran');
    else if (this.#state.kind !== 'dying')
      place.settle({ kind: 'lost', code: 'cancelled', message: 'the task was cancelled before it ran', usage: NOTHING });
  }

  /** Only while there is work: an idle process costs nothing. */
  #watch(): void {
    this.#cancelWatch = this.#clock.after(WATCH_EVERY, () => {
      const head = this.#line[0];
      const { pid } = this.#child;
      if (this.#state.kind !== 'serving' || head === undefined || pid === undefined) return;
      this.#sample = sampleProcess(pid);
      const resident = this.#sample?.resident ?? 0;
      if (resident > this.#peak) this.#peak = resident;
      const allowed = this.#allowance.of(head.job);
      if (resident > allowed)
        this.#kill('limit/host-memory', `the slot process held ${resident} bytes, more than the ${allowed} the task's limits allow for`);
      else this.#watch();
    });
  }

  #kill(code: LossCode, message: string): void {
    if (!this.isOpen) return;
    this.#state = { kind: 'dying', blamed: this.#line[0], code, message };
    this.#cancelTimers();
    this.#child.kill();
    this.#cancelDeadline = this.#clock.after(DEATH_PATIENCE, () => this.#exited('it does not die'));
  }

  #exited(reason: string): void {
    const { kind } = this.#state;
    if (kind === 'gone') return;
    if (this.#state.kind !== 'dying') {
      const when = kind === 'starting' ? 'before it had started' : 'while it ran the task';
      this.#state = { kind: 'dying', blamed: this.#line[0], code: 'lost', message: `the slot process ended ${when}: ${reason}` };
    }
    const { blamed, code, message } = this.#state;
    this.#cancelTimers();
    this.#state = { kind: 'gone' };
    for (const place of this.#line.splice(0)) {
      place.settle(place === blamed ? { kind: 'lost', code, message, usage: this.#usageOfHead() } : { kind: 'unstarted' });
    }
    this.#onGone();
    this.#gone.resolve();
  }

  #usageOfHead(): Usage {
    const wall = this.#headSince === 0 ? 0 : this.#clock.monotonic() - this.#headSince;
    const cpu = Math.max(0, (this.#sample?.cpu ?? 0) - (this.#headBefore?.cpu ?? 0));
    return { wall, cpu, memory: this.#peak, output: 0 };
  }

  #cancelTimers(): void {
    this.#cancelDeadline();
    this.#cancelWatch?.();
  }
}
