import { Recent } from '../../base/recent.ts';
import type { AttemptName, DriveName } from '../../protocol/mesh/work.ts';

/**
 * What is held for which drive, and who may say something about it. Pure: it knows neither time nor messages.
 *
 * Invariants
 * T1. Of each run one drive is known at a time, that of the highest epoch that was heard of; of an earlier one nothing is taken, unless the record of the run says that the
 *     higher one was invented (`concede`). Epochs of drives that are over are remembered, the last few thousand.
 * T2. An epoch has one coordinator: it is the revision of a record that one member wrote.
 * T3. Who takes a run over finds what is held for it. Nothing is ended by a new epoch.
 * T4. What was received or withdrawn is not begun once more because an offer comes late or twice: the last of each drive are remembered. Another epoch may give the same
 *     names to attempts of its own, as it does where the rows of the run are not.
 */

/** A drive of a run for which tasks are held here. */
export interface Drive<A> extends DriveName {
  readonly epoch: number;
  /** DID. */
  readonly coordinator: string;
  readonly attempts: ReadonlyMap<string, A>;
}

interface Entry<A> {
  readonly run: string;
  epoch: number;
  coordinator: string;
  readonly attempts: Map<string, A>;
  done: Recent<string, true>;
}

/** `older`: it has lost the run. `other`: another member has this epoch. `full`: no more drives. */
export type Refusal = 'older' | 'other' | 'full';

/** What an offered attempt is here. */
export type Known = 'new' | 'held' | 'done';

interface Bounds {
  readonly drives: number;
  /** Names of attempts that are over, by drive. */
  readonly done: number;
  readonly epochs: number;
}

const BOUNDS: Bounds = { drives: 1_024, done: 4_096, epochs: 4_096 };

export class DriveTable<A extends AttemptName> {
  readonly #bounds: Bounds;
  readonly #drives = new Map<string, Entry<A>>();
  /** Of drives that are over. */
  readonly #epochs: Recent<string, number>;
  #held = 0;

  constructor(bounds: Partial<Bounds> = {}) {
    this.#bounds = { ...BOUNDS, ...bounds };
    this.#epochs = new Recent(this.#bounds.epochs);
  }

  /** Attempts in all drives. */
  get held(): number {
    return this.#held;
  }

  get drives(): Iterable<Drive<A>> {
    return this.#drives.values();
  }

  find(run: string): Drive<A> | undefined {
    return this.#drives.get(run);
  }

  /** The drive in which `from` offers something. */
  meet({ run, epoch }: DriveName, from: string): Drive<A> | Refusal {
    const known = this.#drives.get(run);
    if (known === undefined) {
      if (epoch < this.epochOf(run)) return 'older';
      if (this.#drives.size >= this.#bounds.drives) return 'full';
      const entry = { run, epoch, coordinator: from, attempts: new Map<string, A>(), done: this.#nothing() };
      this.#drives.set(run, entry);
      return entry;
    }
    if (epoch < known.epoch) return 'older';
    if (epoch === known.epoch && from !== known.coordinator) return 'other';
    if (epoch > known.epoch) Object.assign(known, { epoch, coordinator: from, done: this.#nothing() });
    return known;
  }

  /** Whether it contradicts what is known of who drives the run. */
  isContested({ run, epoch }: DriveName, from: string): boolean {
    const known = this.#drives.get(run);
    if (known === undefined) return epoch < this.epochOf(run);
    return epoch !== known.epoch || from !== known.coordinator;
  }

  /** It is `from` who drives the run, whatever was heard. */
  concede({ run, epoch }: DriveName, from: string): void {
    const known = this.#drives.get(run);
    if (known === undefined) this.#epochs.set(run, epoch);
    else if (this.isContested({ run, epoch }, from)) Object.assign(known, { epoch, coordinator: from, done: this.#nothing() });
  }

  #nothing(): Recent<string, true> {
    return new Recent(this.#bounds.done);
  }

  /** The highest that was heard of. */
  epochOf(run: string): number {
    return this.#drives.get(run)?.epoch ?? this.#epochs.get(run) ?? 0;
  }

  /** The drive about which `from` may say something else. */
  of({ run, epoch }: DriveName, from: string): Drive<A> | undefined {
    const known = this.#drives.get(run);
    return known?.epoch === epoch && known.coordinator === from ? known : undefined;
  }

  know(run: string, name: AttemptName): Known {
    const entry = this.#drives.get(run);
    if (entry?.attempts.has(nameOf(name)) === true) return 'held';
    return entry?.done.get(nameOf(name)) === true ? 'done' : 'new';
  }

  get(run: string, name: AttemptName): A | undefined {
    return this.#drives.get(run)?.attempts.get(nameOf(name));
  }

  /** Other attempts at the same task. */
  others(run: string, { task, attempt }: AttemptName): A[] {
    const entry = this.#drives.get(run);
    return entry === undefined ? [] : [...entry.attempts.values()].filter((held) => held.task === task && held.attempt !== attempt);
  }

  add(run: string, attempt: A): void {
    const entry = this.#drives.get(run)!;
    if (!entry.attempts.has(nameOf(attempt))) this.#held++;
    entry.attempts.set(nameOf(attempt), attempt);
  }

  /** It is held no more. `isDone`: a late offer does not bring it back. */
  drop(run: string, name: AttemptName, { isDone }: { readonly isDone: boolean }): void {
    const entry = this.#drives.get(run);
    if (entry?.attempts.delete(nameOf(name)) === true) this.#held--;
    if (isDone) entry?.done.set(nameOf(name), true);
  }

  /** The drive is over. */
  forget(run: string): void {
    const entry = this.#drives.get(run);
    if (entry === undefined) return;
    this.#held -= entry.attempts.size;
    this.#drives.delete(run);
    this.#epochs.set(run, entry.epoch);
  }
}

function nameOf({ task, attempt }: AttemptName): string {
  return `${task}/${attempt}`;
}
