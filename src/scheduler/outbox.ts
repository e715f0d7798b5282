import type { Clock } from '../base/clock.ts';
import type { CID } from '../ipld/cid.ts';
import type { CommitResult } from '../ledger/ledger.ts';
import type { BlobView } from './blob-view.ts';
import type { Filed } from './filed.ts';

interface OutboxOptions {
  readonly commit: (changes: readonly Filed[], written: readonly CID[]) => Promise<CommitResult>;
  readonly blobs: BlobView;
  /** `commit`: as of `Outbox.commit`. They resolve in order. */
  readonly onCommit: (tasks: readonly number[], result: CommitResult, commit: number) => void;
  /** Whoever goes on all the same has what was lost forgotten; else its tasks stay pending, and its blobs readable. */
  readonly onFailure: (cause: unknown, forget: () => void) => void;
  /** What gathered has waited long enough: `flush` is wanted. */
  readonly onDue: () => void;
  readonly clock: Clock;
}

/** Least time between two commits that nothing waits for, in ms: a stream of short tasks then shares transactions, each with its sync of the disk. */
const LINGER = 20;
/** Tasks after which a commit leaves all the same. */
const MANY = 256;
/** Tasks that may wait to be filed: some megabytes, and more than a second of the shortest. */
const FULL = 8_192;

/**
 * What a run has issued and not yet filed. Changes gather and leave in one commit, at the latest `LINGER` after the one before.
 *
 * Invariants
 * O1. Small blobs leave in the same commit as the receipts that name them, and stay readable in the view until then.
 * O2. A task is pending from the turn that issued its receipt until the commit that holds it has resolved; one whose commit failed until it is forgotten.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  /** Commits that hold something of a task, by task. */
  readonly #pending = new Map<number, number>();
  #changes: Filed[] = [];
  #tasks: number[] = [];
  #small = new Map<string, Uint8Array>();
  #written: CID[] = [];
  #commits = 0;
  #left = 0;
  #lastLeft = Number.NEGATIVE_INFINITY;
  #cancelDue: (() => void) | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Commits under way. */
  get pending(): number {
    return this.#commits;
  }

  /** Number of the commit that holds all that is filed by now: it has left, or gathers. */
  get commit(): number {
    return this.#changes.length === 0 ? this.#left : this.#left + 1;
  }

  /** More waits to be filed than should: the ledger is slower than the run. */
  get isFull(): boolean {
    return this.#pending.size >= FULL;
  }

  isPending(task: number): boolean {
    return this.#pending.has(task);
  }

  addBlobs(small: ReadonlyMap<string, Uint8Array>, written: readonly CID[]): void {
    this.#options.blobs.add(small);
    for (const [digest, bytes] of small) this.#small.set(digest, bytes);
    for (const cid of written) this.#written.push(cid);
  }

  file(task: number, changes: readonly Filed[]): void {
    if (changes.length === 0) return;
    this.fileRest(changes);
    this.#tasks.push(task);
    this.#pending.set(task, (this.#pending.get(task) ?? 0) + 1);
  }

  /** What is of no task. */
  fileRest(changes: readonly Filed[]): void {
    for (const change of changes) this.#changes.push(change);
  }

  /** Sends off what gathered, if anything; unless it is `urgent`, more may gather first. */
  flush(urgent: boolean): void {
    if (this.#changes.length === 0) return;
    const { commit, blobs, onCommit, onFailure, onDue, clock } = this.#options;
    const now = clock.monotonic();
    const early = this.#lastLeft + LINGER - now;
    if (!urgent && early > 0 && this.#tasks.length < MANY) {
      this.#cancelDue ??= clock.after(early, () => {
        this.#cancelDue = undefined;
        this.#lastLeft = Number.NEGATIVE_INFINITY;
        onDue();
      });
      return;
    }
    this.#cancelDue?.();
    this.#cancelDue = undefined;
    this.#lastLeft = now;
    const small = this.#small;
    const tasks = this.#tasks;
    const changes: Filed[] = small.size === 0 ? this.#changes : [{ kind: 'small', blobs: small }, ...this.#changes];
    const written = this.#written;
    this.#changes = [];
    this.#tasks = [];
    this.#small = new Map();
    this.#written = [];
    this.#commits++;
    const number = ++this.#left;
    const forget = (): void => {
      blobs.forget(small);
      for (const task of tasks) this.#settle(task);
    };
    commit(changes, written).then(
      (result) => {
        this.#commits--;
        forget();
        onCommit(tasks, result, number);
      },
      (cause: unknown) => {
        this.#commits--;
        onFailure(cause, forget);
      },
    );
  }

  #settle(task: number): void {
    const left = this.#pending.get(task)! - 1;
    if (left === 0) this.#pending.delete(task);
    else this.#pending.set(task, left);
  }
}
