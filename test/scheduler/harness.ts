import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CommitLine } from '../../src/agent/commit-line.ts';
import { systemClock } from '../../src/base/clock.ts';
import { generateSeed, keyOf } from '../../src/ipld/identity.ts';
import { type Ipld, isMap } from '../../src/ipld/value.ts';
import { Claims } from '../../src/ledger/claims.ts';
import { type CommitResult, Ledger } from '../../src/ledger/ledger.ts';
import type { Outcome } from '../../src/receipt/outcome.ts';
import type { Job } from '../../src/runner/job.ts';
import type { SlotEnd } from '../../src/runner/slot.ts';
import { BlobView } from '../../src/scheduler/blob-view.ts';
import { Coordinator } from '../../src/scheduler/coordinator.ts';
import type { CoordinatorOptions } from '../../src/scheduler/coordinator-options.ts';
import type { Lease, SlotSource } from '../../src/scheduler/local-crew.ts';
import type { RunEvent, RunSummary } from '../../src/scheduler/events.ts';
import { type Filed, signAll } from '../../src/scheduler/filed.ts';
import type { Plan } from '../../src/workflow/model.ts';

/** What a job does here: the ends of a slot, chosen by the test. The function's name is the task's label. */
export type Behavior = (job: Job, name: string, signal: AbortSignal) => SlotEnd | Promise<SlotEnd>;

export function gives(value: Ipld, small: ReadonlyMap<string, Uint8Array> = new Map()): (job: Job) => SlotEnd {
  return (job) => ended(job, { tag: 'ok', value }, small);
}

export function ended(job: Job, outcome: Outcome, small: ReadonlyMap<string, Uint8Array> = new Map()): SlotEnd {
  return { kind: 'ended', end: { id: job.id, outcome, usage: { wall: 1, cpu: 1, memory: 0, output: 0 }, small, written: [] } };
}

export function nameOf(job: Job): string {
  return isMap(job.input) ? String(job.input['func']) : '';
}

/** Slots whose jobs end as a test says, in this process: what is under test is the coordinator, on a real ledger. */
class ScriptedSlots implements SlotSource {
  readonly started: string[] = [];
  running = 0;
  most = 0;
  readonly #behave: Behavior;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number, behave: Behavior) {
    this.#free = count;
    this.#behave = behave;
  }

  async acquire(signal: AbortSignal): Promise<Lease> {
    while (this.#free === 0) {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push(resolve);
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
    }
    this.#free--;
    return {
      slot: { submit: (job, options) => this.#submit(job, options.signal) },
      isWantedHere: () => this.#waiting.length > 0,
      isWantedElsewhere: () => false,
      release: async () => {
        this.#free++;
        this.#waiting.shift()?.();
      },
    };
  }

  async #submit(job: Job, signal: AbortSignal): Promise<SlotEnd> {
    this.started.push(nameOf(job));
    this.most = Math.max(this.most, ++this.running);
    try {
      return await this.#behave(job, nameOf(job), signal);
    } finally {
      this.running--;
    }
  }
}

export interface RunResult extends RunSummary {
  readonly started: readonly string[];
  readonly events: readonly RunEvent[];
  readonly most: number;
}

/** A ledger in a folder of its own, and runs on it. */
export class Bench implements AsyncDisposable {
  readonly ledger: Ledger;
  /** Small blobs that are gone although the ledger would have them. */
  readonly collected = new Set<string>();
  /** Where runs of this bench, which may go on at the same time, claim their work. */
  readonly locks: string;
  readonly #dir: string;
  readonly #line = new CommitLine({
    settle: async () => {},
    sign: (changes) => signAll(changes, this.key),
    commit: (changes) => this.ledger.commit(changes.filter((change) => change.kind !== 'run-task')),
  });
  readonly key = keyOf(generateSeed());

  private constructor(dir: string, ledger: Ledger) {
    this.#dir = dir;
    this.locks = join(dir, 'locks');
    this.ledger = ledger;
  }

  static async open(): Promise<Bench> {
    const dir = await mkdtemp(join(tmpdir(), 'docket-scheduler-'));
    await mkdir(join(dir, 'locks'));
    return new Bench(dir, await Ledger.open(join(dir, 'ledger.sqlite')));
  }

  async run(
    plan: Plan,
    behave: Behavior,
    options: Partial<CoordinatorOptions> & { readonly slots?: never; readonly count?: number; readonly source?: SlotSource } = {},
  ): Promise<RunResult> {
    const { count = 2, source, ...rest } = options;
    const slots = new ScriptedSlots(count, behave);
    const events: RunEvent[] = [];
    const { ledger } = this;
    using claims = new Claims(this.locks);
    const coordinator = new Coordinator({
      run: 'RUN',
      plan,
      memo: ledger,
      commit: (changes) => this.commit(changes),
      blobs: new BlobView({
        alias: (cid) => ledger.alias(cid),
        small: (digest) => (this.collected.has(digest) ? undefined : ledger.small.get(digest)),
        has: (cid) => {
          const digest = Buffer.from(cid.multihash.digest).toString('hex');
          return (
            plan.tasks.some((task) => task.module?.equals(cid)) || (!this.collected.has(digest) && ledger.small.get(digest) !== undefined)
          );
        },
        read: (cid) => ledger.small.get(Buffer.from(cid.multihash.digest).toString('hex'))!,
      }),
      issuer: this.key.did,
      slots: source ?? slots,
      claims,
      size: count,
      semantics: () => 1,
      forced: () => false,
      failFast: false,
      awaitTime: 0,
      expected: () => undefined,
      flight: { started() {}, returned() {} },
      end: () => [],
      onEvent: (event) => events.push(event),
      clock: systemClock,
      version: '0',
      signal: new AbortController().signal,
      ...rest,
    });
    const summary = await coordinator.run();
    return { ...summary, started: slots.started, most: slots.most, events };
  }

  /** In the order of the calls. The rows of tasks are left out, since there is no run to file them under. */
  async commit(changes: readonly Filed[]): Promise<CommitResult> {
    return await this.#line.commit(changes, []);
  }

  /** Changes the ledger behind its back. */
  async damage(sql: string): Promise<void> {
    using database = new DatabaseSync(join(this.#dir, 'ledger.sqlite'));
    database.exec(sql);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ledger[Symbol.asyncDispose]();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
