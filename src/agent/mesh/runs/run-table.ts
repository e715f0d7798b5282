import type { Clock } from '../../../base/clock.ts';
import { backoff } from '../../../base/backoff.ts';
import { isDocketError } from '../../../errors.ts';
import type { Records } from '../../../mesh/mesh.ts';
import type { Refused } from '../../../protocol/mesh/message.ts';
import { decodeRunRecord, type RunRecord } from '../../../protocol/mesh/run-record.ts';
import { pause } from './pause.ts';

/** A record as it stood there when this member last heard of it. */
export interface KnownRun {
  readonly record: RunRecord;
  readonly revision: number;
}

export interface RunTableOptions {
  readonly records: Pick<Records, 'watch'>;
  readonly clock: Clock;
  readonly onRefused: (refused: Refused & { readonly key: string }) => void;
  /** Told of each change, after the table has it. Undefined: the record is gone, or cannot be read any more. */
  readonly onChange: (run: string, known: KnownRun | undefined) => void;
}

/** Runs that are known at a time; of more those that ended are left out, the oldest first. */
const MOST = 20_000;
const FIRST_WAIT = 200;

/**
 * The runs of the mesh as this member has heard of them: a copy that may be behind.
 *
 * Invariants
 * R1. Revisions of a run only grow here: what comes late or twice changes nothing.
 * R2. A record that cannot be read is told, and counts as none: it is neither taken up nor listed.
 * R3. The watch goes on for ever: if it fails it is begun anew, with a rest before.
 * R4. So many runs at most; one that goes on is never forgotten.
 */
export class RunTable implements AsyncDisposable {
  readonly #options: RunTableOptions;
  readonly #runs = new Map<string, KnownRun>();
  readonly #stopping = new AbortController();
  readonly #watching: Promise<void>;
  readonly #current = Promise.withResolvers<void>();

  constructor(options: RunTableOptions) {
    this.#options = options;
    this.#watching = this.#watch();
  }

  /** Resolves when all that stood there when it began is known. */
  get current(): Promise<void> {
    return this.#current.promise;
  }

  get(run: string): KnownRun | undefined {
    return this.#runs.get(run);
  }

  all(): Iterable<KnownRun> {
    return this.#runs.values();
  }

  get size(): number {
    return this.#runs.size;
  }

  /** What this member itself read or wrote, which may be newer than what the watch told. */
  heard(key: string, value: Uint8Array, revision: number): RunRecord | undefined {
    const run = runOf(key);
    const known = this.#runs.get(run);
    const read = decodeRunRecord(key, value);
    if (known !== undefined && known.revision >= revision) return 'refused' in read ? undefined : read;
    if ('refused' in read) {
      this.#options.onRefused({ ...read, key });
      this.#forget(run);
      return undefined;
    }
    const now = { record: read, revision };
    this.#runs.delete(run);
    this.#runs.set(run, now);
    if (this.#runs.size > MOST) this.#shed();
    this.#options.onChange(run, now);
    return read;
  }

  #forget(run: string): void {
    if (this.#runs.delete(run)) this.#options.onChange(run, undefined);
  }

  #shed(): void {
    const over = [...this.#runs].filter(([, { record }]) => record.state !== 'running').map(([run]) => run);
    for (const run of over.toSorted().slice(0, this.#runs.size - MOST)) this.#runs.delete(run);
  }

  async #watch(): Promise<void> {
    const { records, clock } = this.#options;
    const { signal } = this.#stopping;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const stale = new Set(this.#runs.keys());
        let isCurrent = false;
        for await (const change of records.watch('run', signal)) {
          if (change.kind === 'current') {
            isCurrent = true;
            // Deleted while nobody listened.
            for (const run of stale) this.#forget(run);
            this.#current.resolve();
            attempt = 1;
          } else if (change.kind === 'deleted') this.#deleted(runOf(change.key), change.revision);
          else {
            if (!isCurrent) stale.delete(runOf(change.key));
            this.heard(change.key, change.value, change.revision);
          }
        }
      } catch (error) {
        if (!isDocketError(error) && !signal.aborted) throw error;
      }
      await pause(clock, backoff(FIRST_WAIT, attempt), signal);
    }
  }

  #deleted(run: string, revision: number): void {
    const known = this.#runs.get(run);
    if (known !== undefined && known.revision < revision) this.#forget(run);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
  }
}

function runOf(key: string): string {
  return key.slice(key.indexOf('.') + 1);
}
