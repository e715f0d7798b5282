import type { Clock } from '../../base/clock.ts';
import type { AttemptName, DriveName } from '../../protocol/mesh/work.ts';
import type { Attempt, Stage } from './host-attempt.ts';
import { Bench } from './host-bench.ts';
import { type Drive, DriveTable, type Known, type Refusal } from './host-table.ts';

/** What this agent holds for one run of another. */
export interface HostedDrive {
  readonly bench: Bench;
  /** On the monotonic clock: since when its coordinator is not there, and since when nothing is held. */
  goneSince: number | undefined;
  emptySince: number | undefined;
}

/** The drives of a host, each with the bench on which its tasks run. A drive has one as long as it is in the table. */
export class Drives {
  readonly #clock: Clock;
  readonly #open: () => Bench;
  readonly #table = new DriveTable<Attempt>();
  readonly #hosted = new Map<string, HostedDrive>();
  readonly #closing = new Set<Promise<void>>();

  constructor(clock: Clock, open: () => Bench) {
    this.#clock = clock;
    this.#open = open;
  }

  /** Attempts that are held. */
  get held(): number {
    return this.#table.held;
  }

  get all(): readonly Drive<Attempt>[] {
    return [...this.#table.drives];
  }

  *attempts(): Generator<Attempt> {
    for (const { attempts } of this.#table.drives) yield* attempts.values();
  }

  meet(name: DriveName, from: string): Drive<Attempt> | Refusal {
    const drive = this.#table.meet(name, from);
    if (typeof drive === 'string') return drive;
    const hosted = this.#hosted.get(drive.run) ?? { bench: this.#open(), goneSince: undefined, emptySince: undefined };
    hosted.emptySince = undefined;
    this.#hosted.set(drive.run, hosted);
    return drive;
  }

  isContested(name: DriveName, from: string): boolean {
    return this.#table.isContested(name, from);
  }

  concede(name: DriveName, from: string): void {
    this.#table.concede(name, from);
  }

  /** The highest epoch of a run that was heard of. */
  epochOf(run: string): number {
    return this.#table.epochOf(run);
  }

  of(name: DriveName, from: string): Drive<Attempt> | undefined {
    return this.#table.of(name, from);
  }

  find(run: string): Drive<Attempt> | undefined {
    return this.#table.find(run);
  }

  /** Of a drive that is held. */
  hosted(run: string): HostedDrive {
    return this.#hosted.get(run)!;
  }

  bench({ run }: Attempt): Bench {
    return this.hosted(run).bench;
  }

  get(run: string, name: AttemptName): Attempt | undefined {
    return this.#table.get(run, name);
  }

  know(run: string, name: AttemptName): Known {
    return this.#table.know(run, name);
  }

  others(run: string, name: AttemptName): readonly Attempt[] {
    return this.#table.others(run, name);
  }

  has(attempt: Attempt): boolean {
    return this.#table.get(attempt.run, attempt) === attempt;
  }

  add(attempt: Attempt): void {
    this.#table.add(attempt.run, attempt);
  }

  drop(attempt: Attempt, how: { readonly isDone: boolean }): void {
    this.#table.drop(attempt.run, attempt, how);
  }

  /** A late offer of it is not taken. */
  markDone(run: string, name: AttemptName): void {
    this.#table.drop(run, name, { isDone: true });
  }

  /** Nothing of it runs any more. */
  forget(run: string): void {
    const hosted = this.#hosted.get(run);
    this.#table.forget(run);
    this.#hosted.delete(run);
    if (hosted === undefined) return;
    const closing = hosted.bench.close();
    this.#closing.add(closing);
    void closing.finally(() => this.#closing.delete(closing));
  }

  /** How many are where. */
  count(): Partial<Record<Stage['tag'], number>> {
    const counts: Partial<Record<Stage['tag'], number>> = {};
    for (const { stage } of this.attempts()) counts[stage.tag] = (counts[stage.tag] ?? 0) + 1;
    return counts;
  }

  now(): number {
    return this.#clock.monotonic();
  }

  /** Nothing more is begun. */
  stop(): void {
    for (const { bench } of this.#hosted.values()) bench.stop();
  }

  /** Jobs must have ended before. */
  async close(): Promise<void> {
    for (const { run } of this.all) this.forget(run);
    await Promise.all(this.#closing);
  }
}
