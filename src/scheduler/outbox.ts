import type { CID } from '../ipld/cid.ts';
import type { Change, CommitResult } from '../ledger/ledger.ts';
import type { BlobView } from './blob-view.ts';

interface OutboxOptions {
  readonly commit: (changes: readonly Change[], written: readonly CID[]) => Promise<CommitResult>;
  readonly blobs: BlobView;
  readonly onCommit: (tasks: readonly number[], result: CommitResult) => void;
  readonly onFailure: (cause: unknown) => void;
}

/**
 * What a run has issued and not yet filed. Changes gather during a turn and leave in one commit at its end.
 *
 * Invariants
 * O1. Small blobs leave in the same commit as the receipts that name them, and stay readable in the view until then.
 * O2. A task is pending from the turn that issued its receipt until the commit that holds it has resolved.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  /** Commits that hold something of a task, by task. */
  readonly #pending = new Map<number, number>();
  #changes: Change[] = [];
  #tasks: number[] = [];
  #small = new Map<string, Uint8Array>();
  #written: CID[] = [];
  #commits = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Commits under way. */
  get pending(): number {
    return this.#commits;
  }

  isPending(task: number): boolean {
    return this.#pending.has(task);
  }

  addBlobs(small: ReadonlyMap<string, Uint8Array>, written: readonly CID[]): void {
    this.#options.blobs.add(small);
    for (const [digest, bytes] of small) this.#small.set(digest, bytes);
    for (const cid of written) this.#written.push(cid);
  }

  file(task: number, changes: readonly Change[]): void {
    if (changes.length === 0) return;
    for (const change of changes) this.#changes.push(change);
    this.#tasks.push(task);
    this.#pending.set(task, (this.#pending.get(task) ?? 0) + 1);
  }

  /** Sends off what gathered, if anything. */
  flush(): void {
    if (this.#changes.length === 0) return;
    const { commit, blobs, onCommit, onFailure } = this.#options;
    const small = this.#small;
    const tasks = this.#tasks;
    const changes: Change[] = small.size === 0 ? this.#changes : [{ kind: 'small', blobs: small }, ...this.#changes];
    const written = this.#written;
    this.#changes = [];
    this.#tasks = [];
    this.#small = new Map();
    this.#written = [];
    this.#commits++;
    commit(changes, written).then(
      (result) => {
        this.#commits--;
        blobs.forget(small);
        for (const task of tasks) this.#settle(task);
        onCommit(tasks, result);
      },
      (cause: unknown) => {
        this.#commits--;
        onFailure(cause);
      },
    );
  }

  #settle(task: number): void {
    const left = this.#pending.get(task)! - 1;
    if (left === 0) this.#pending.delete(task);
    else this.#pending.set(task, left);
  }
}
