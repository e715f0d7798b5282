import type { EventLog } from '../../../base/event-log.ts';
import { DocketError } from '../../../errors.ts';
import type { CID } from '../../../ipld/cid.ts';
import type { RunRow } from '../../../ledger/runs.ts';
import type { Mesh } from '../../../mesh/mesh.ts';
import type { Holder } from '../../../protocol/mesh/run-record.ts';
import type { Unsecured } from '../../../protocol/records.ts';
import { isGivenUp, type RunEvent } from '../../../scheduler/events.ts';
import type { Plan } from '../../../workflow/model.ts';
import { NO_COUNTS, type RunCounts } from '../../../workflow/run-state.ts';
import { takenAway } from '../../elsewhere.ts';
import type { Engine } from '../../engine.ts';
import { JournalWriter } from './journal-writer.ts';
import { Lease, type Loss, type Said } from './lease.ts';
import { passOver } from './pass-over.ts';
import { keepPart } from './keep-part.ts';
import { within } from './pause.ts';
import { askedIn, endBy, inlineOrLink, saidBy } from './said.ts';
import { Securing } from './securing.ts';
import type { TakenRun } from './take.ts';
import type { Vault } from './vault.ts';

/**
 * A run that this member drives, as the mesh is told of it: its record, its journal, and what another would need to go on with it.
 *
 * Invariants
 * D1. The drive waits for none of this: a mesh that is slow, full or away costs the run nothing. (What tells how tasks ended waits for their results to be in the mesh, which
 *     has bounds of its own: `ToldWaits`.)
 * D2. When the lease is lost the run is stopped at once, and nothing more is told of it.
 * D3. How it ended stands in the record before the journal tells it: whoever hears it and looks finds it so. That its outputs could not be kept for others, for want of
 *     space here or there, keeps nobody from being told.
 * D4. Its plan and inputs are in the mesh before its record says so, and what vouches for the plan stands beside that; a run that has no record yet gets one after a
 *     moment even without.
 */

export interface DriveTerms {
  readonly engine: Engine;
  readonly mesh: Mesh;
  readonly self: Holder;
  readonly vault: Vault;
  readonly resultsTold: (ms: number) => Promise<void>;
  /** Has `ActiveRuns` let go of it. */
  readonly stop: (run: string, reason: DocketError) => Promise<void>;
  /** The mesh does not take what is said of a run: the drive goes on, and goes on trying. */
  readonly onUntold: (run: string, error: DocketError) => void;
  /** What another would need to go on with it cannot be kept in the mesh: that is tried again. `onSecured`: it is there now, after that. */
  readonly onUnsecured: (run: string, error: DocketError) => void;
  readonly onSecured: (run: string) => void;
}

export interface DriveStart {
  readonly run: string;
  readonly plan: Plan;
  /** As of `RunStart`. */
  readonly isTrusted: boolean;
  readonly log: EventLog;
  /** Of its idempotency key. */
  readonly submission: string | null;
  /** Of a run that was driven before. */
  readonly taken: Pick<TakenRun, 'record' | 'revision' | 'after' | 'kept'> | undefined;
}

/** How long a record waits for the run's plan and inputs to be in the mesh, in ms. */
const SECURE_PATIENCE = 1_000;
/** How long others wait for the results of a run that is handed over to be told, in ms. */
const RESULTS = 2_000;
/** What kills its coordinator does so at once, as a rule: whoever has driven it for so long, in ms, was not killed by it. */
const SURVIVED = 600_000;

export class Drive implements AsyncDisposable {
  readonly run: string;
  readonly log: EventLog;
  /** Number of the last event before the log's. */
  readonly after: number;
  /** As `Taken.kept`. */
  readonly kept: readonly CID[];
  readonly lease: Lease;
  readonly journal: JournalWriter;
  readonly #terms: DriveTerms;
  readonly #start: DriveStart;
  readonly #stopping = new AbortController();
  readonly #counts: { -readonly [K in keyof RunCounts]: RunCounts[K] };
  readonly #outcome = Promise.withResolvers<Outcome>();
  readonly #stopTrial: () => void;
  readonly #securing: Securing;
  #deaths: number;
  #tries: number;
  #isLeaving = false;
  #hasEnded = false;

  constructor(terms: DriveTerms, start: DriveStart) {
    const { mesh, engine, self } = terms;
    const { run, log, taken } = start;
    this.run = run;
    this.log = log;
    this.after = taken?.after ?? 0;
    this.kept = taken?.kept ?? [];
    this.#terms = terms;
    this.#start = start;
    this.#counts = { ...NO_COUNTS, total: start.plan.tasks.length };
    [this.#deaths, this.#tries] = [taken?.record.deaths ?? 0, taken?.record.tries ?? 0];
    this.#securing = this.#secure();
    const lease = {
      ready: within(engine.clock, SECURE_PATIENCE, this.#securing.done),
      run,
      self,
      mesh,
      clock: engine.clock,
      say: () => this.#say(),
      onLost: (because: Loss) => this.#lost(because),
      onVanished: () => this.#securing.anew(),
      onTrouble: (error: DocketError) => terms.onUntold(run, error),
    };
    this.lease = new Lease(lease, taken?.revision);
    const after = this.after;
    const largest = mesh.messages.largest;
    this.journal = new JournalWriter({ journals: mesh.journals, lease: this.lease, clock: engine.clock, run, log, after, largest });
    this.#stopTrial = engine.clock.after(SURVIVED, () => this.#gotOn());
  }

  /** How it came to an end here. */
  get outcome(): Promise<Outcome> {
    return this.#outcome.promise;
  }

  /** What another may not do while this one may; false once nothing more is told of it, whatever its record says then. */
  get isHeld(): boolean {
    const { tag } = this.lease.standing;
    return !this.#stopping.signal.aborted && (tag === 'held' || tag === 'claiming');
  }

  /** Whether the mesh hears of it: if not, what happens in it is told here alone. */
  get isHeard(): boolean {
    return this.#terms.mesh.link.tag === 'up' && !this.lease.isTroubled;
  }

  /** There if others could not go on with it. */
  get unsecured(): Unsecured | undefined {
    return this.#securing.unsecured;
  }

  event(event: RunEvent): void {
    if (event.kind === 'settled') {
      if (!this.#isLeaving || !isGivenUp(event)) this.#settled(event);
      if (this.#counts.ran > 0) this.#gotOn();
    }
    // Everything that was elsewhere is here now.
    else if (event.kind === 'planned') this.#securing.again();
  }

  /** The drive has ended, and the log has told so. */
  async end(): Promise<Outcome> {
    if (this.#hasEnded) return await this.outcome;
    this.#hasEnded = true;
    this.#stopTrial();
    const outcome = await this.#conclude().catch((error: unknown): Outcome => {
      // Without its ledger it can say nothing: others will see that nobody drives the run.
      passOver(error);
      return 'lost';
    });
    this.#stopping.abort();
    await this.#securing.done;
    await this.journal[Symbol.asyncDispose]();
    await this.lease[Symbol.asyncDispose]();
    this.#outcome.resolve(outcome);
    return outcome;
  }

  /** Lets others go on with it. Resolves when nothing of it is under way here. */
  async leave(why: string): Promise<void> {
    this.#isLeaving = true;
    await this.#terms.stop(this.run, takenAway(this.run, why));
  }

  async #conclude(): Promise<Outcome> {
    if (!this.isHeld) return 'lost';
    const row = this.#terms.engine.ledger.run(this.run);
    const end = row && endBy(row, { ...this.#counts });
    if (end === undefined) {
      // Stopped in order, or this member could not go on with it: another may.
      // Who takes it at once is to find what was finished here.
      if (this.#terms.mesh.link.tag === 'up') await this.#terms.resultsTold(RESULTS);
      await this.journal.close(false);
      const tries = this.#isLeaving ? this.#tries : this.#tries + 1;
      const said = this.#say();
      const awaits = said.isSecured ? {} : { awaits: this.#terms.self.did };
      return (await this.lease.release({ ...said, ...awaits, tries })) ? 'left' : 'lost';
    }
    const { outputs, blob } = partOf(row!);
    if (blob !== undefined) await keepPart(this.#terms, { run: this.run, cid: outputs as CID, blob }, this.#stopping.signal);
    const said = { ...this.#say(), ...end, outputs };
    if (!(await this.lease.finish(said))) return 'lost';
    await this.journal.close(true);
    return 'ended';
  }

  #settled({ state, via }: Extract<RunEvent, { kind: 'settled' }>): void {
    this.#counts[state === 'ok' ? (via === 'ran' ? 'ran' : 'cached') : state]++;
    this.lease.nudge('soon');
  }

  #gotOn(): void {
    if (this.#deaths === 0 && this.#tries === 0) return;
    [this.#deaths, this.#tries] = [0, 0];
    this.lease.nudge('now');
  }

  #lost(because: Loss): void {
    const reason =
      because === 'taken'
        ? takenAway(this.run, 'another member of the mesh has taken it over')
        : new DocketError('CANCELLED', `run ${this.run} was ${because === 'deleted' ? 'deleted' : 'cancelled'} in the mesh`);
    void this.#terms.stop(this.run, reason);
  }

  #say(): Said {
    const row = this.#terms.engine.ledger.run(this.run);
    const before = this.#start.taken?.record;
    const base = {
      asked: before?.asked ?? askedIn(row ?? { options: {} }).asked,
      isSecured: this.#securing.isSecured,
      deaths: this.#deaths,
      tries: this.#tries,
      submission: this.#start.submission,
      counts: { ...this.#counts },
      plan: before?.plan ?? this.#start.plan.workflow,
    };
    const said = saidBy(row ?? vanished(this.#start), base);
    const voucher = this.#securing.voucherOf(said.plan);
    return voucher === undefined ? said : { ...said, voucher };
  }

  #secure(): Securing {
    const { engine, vault, mesh, onSecured, onUnsecured } = this.#terms;
    const { run, plan, isTrusted, taken } = this.#start;
    return new Securing({
      ...{ engine, vault, run, plan, isTrusted, before: taken?.record, signal: this.#stopping.signal },
      link: () => mesh.link,
      tell: (kind, data) => {
        if (!this.#hasEnded) this.log.add(kind, data);
      },
      onSecured: (wasTrouble) => {
        this.lease.nudge('now');
        if (wasTrouble) onSecured(run);
      },
      onTrouble: (error) => onUnsecured(run, error),
    });
  }

  /** Resolves when the run stands in the mesh, or after so long (ms). */
  async known(patience: number): Promise<void> {
    await within(this.#terms.engine.clock, patience, this.lease.certain(this.#stopping.signal));
  }

  /** Leaves everything as it is. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopTrial();
    this.#stopping.abort();
    await this.#securing.done;
    await this.journal[Symbol.asyncDispose]();
    await this.lease[Symbol.asyncDispose]();
    this.#outcome.resolve('lost');
  }
}

/** `left`: anybody may go on with it. `lost`: it is not this member's affair any more. */
export type Outcome = 'ended' | 'left' | 'lost';

function partOf({ outputs }: RunRow): { readonly outputs: Said['outputs']; readonly blob: Uint8Array | undefined } {
  const { value, blob } = inlineOrLink(outputs ?? {});
  return { outputs: value, blob };
}

function vanished({ plan, run }: DriveStart): RunRow {
  const { name, workflow } = plan;
  return { run, name, workflow, plan: null, options: {}, state: 'cancelled', created: 0, finished: null, counts: null, outputs: null };
}
