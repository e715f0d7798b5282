import type { Clock } from '../../../base/clock.ts';
import { isDocketError } from '../../../errors.ts';
import type { Mesh } from '../../../mesh/mesh.ts';
import { journalOf } from '../../../protocol/mesh/run-entry.ts';
import { decodeSubmission, keyOfRun, keyOfSubmission } from '../../../protocol/mesh/run-record.ts';
import { type Company, rankOf } from './company.ts';
import type { KnownRun, RunTable } from './run-table.ts';

/**
 * Has the mesh forget runs that ended: one member at a time sweeps.
 *
 * Invariants
 * F1. Ages are measured by the sweeper's own clock, from when it heard how the run ended: no two clocks are compared, and nothing is forgotten early.
 * F2. A record that says `deleted` stays for a while, so that all who are there hear it.
 * F3. The record goes last, and only as it was seen: one that was resumed meanwhile stays.
 */

export interface Keep {
  /** Runs that ended; the newest are kept. Default 10,000. */
  readonly runs: number;
  /** How long, in ms. Default 30 days. */
  readonly age: number;
}

interface RetentionOptions extends Partial<Keep> {
  readonly mesh: Pick<Mesh, 'records' | 'journals' | 'link'>;
  readonly clock: Clock;
  readonly company: Company;
  readonly table: Pick<RunTable, 'all'>;
}

const DAY = 86_400_000;
const SWEEP = 60_000;
/** How long a record says `deleted`, in ms. */
const TOMB = 3_600_000;
/** Forgotten in one sweep. */
const MOST = 1_000;

export class Retention implements AsyncDisposable {
  readonly #options: RetentionOptions;
  readonly #seen = new Map<string, { readonly revision: number; readonly since: number }>();
  #stop: () => void = () => {};
  #sweeping: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#again();
  }

  #again(): void {
    if (this.#isStopped) return;
    this.#stop = this.#options.clock.after(SWEEP, () => {
      this.#sweeping = this.#sweep().then(() => this.#again());
    });
  }

  async #sweep(): Promise<void> {
    const { company, mesh } = this.#options;
    const due = this.#due();
    if (mesh.link.tag === 'down' || rankOf({ self: company.self, others: company.others() }, 'sweep') !== 0) return;
    for (const known of due.slice(0, MOST)) {
      if (this.#isStopped) return;
      try {
        await this.#forget(known);
      } catch (error) {
        if (!isDocketError(error)) throw error;
        return;
      }
    }
  }

  #due(): KnownRun[] {
    const { clock, table, runs = 10_000, age = 30 * DAY } = this.#options;
    const now = clock.monotonic();
    const over = [...table.all()].filter(({ record }) => record.state !== 'running');
    const known = new Set(over.map(({ record }) => record.run));
    for (const run of this.#seen.keys()) if (!known.has(run)) this.#seen.delete(run);
    for (const { record, revision } of over)
      if (this.#seen.get(record.run)?.revision !== revision) this.#seen.set(record.run, { revision, since: now });
    const isOld = ({ record }: KnownRun): boolean => now - this.#seen.get(record.run)!.since > (record.state === 'deleted' ? TOMB : age);
    const kept = over.filter(({ record }) => record.state !== 'deleted').toSorted((a, b) => (a.record.run < b.record.run ? 1 : -1));
    const surplus = new Set(kept.slice(runs).map(({ record }) => record.run));
    return over.filter((run) => surplus.has(run.record.run) || isOld(run));
  }

  async #forget({ record: { run, submission }, revision }: KnownRun): Promise<void> {
    const { records, journals } = this.#options.mesh;
    const now = await records.get(keyOfRun(run));
    if (now?.revision !== revision) return;
    await journals.delete(journalOf(run));
    if (submission !== null) {
      const key = keyOfSubmission(submission);
      const claimed = await records.get(key);
      const read = claimed && decodeSubmission(claimed.value);
      if (read !== undefined && !('refused' in read) && read.run === run) await records.delete(key, claimed!.revision);
    }
    await records.delete(keyOfRun(run), revision);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#stop();
    await this.#sweeping;
  }
}
