import { DocketError, isDocketError } from '../../../errors.ts';
import type { RunRow } from '../../../ledger/runs.ts';
import type { Movable } from '../../../scheduler/run-keys.ts';
import type { Plan } from '../../../workflow/model.ts';
import type { ActiveRuns } from '../../active-runs.ts';
import { takenAway } from '../../elsewhere.ts';
import { shelfOf } from '../../resources/shelf.ts';
import type { Taken, Tenure } from '../../tenure.ts';
import { passOver } from './pass-over.ts';
import type { KnownRun } from './run-table.ts';
import { syncRow } from './sync-row.ts';
import {
  becauseOf,
  endAsHere,
  isSame,
  lastTold,
  letGo,
  prepare,
  type TakenRecord,
  type TakenRun,
  takeRecord,
  type TakeTerms,
  type Why,
} from './take.ts';
import type { RunTold } from './told.ts';
import { bringInputs } from './vault.ts';

/**
 * Runs between the moment in which their record is this member's to take and that in which they are driven here.
 *
 * Invariants
 * K1. Whoever looks for runs that nobody drives finds those that are here: from before their record is asked for until they are driven, or let go.
 * K2. A record that was taken is driven, let go, or ended; one that this process left in between is taken by itself or others, since nobody drives it.
 */

interface TakingOptions {
  readonly terms: TakeTerms;
  readonly active: () => Pick<ActiveRuns, 'goOn'>;
  /** What the mesh says of a run now. Throws `MESH_…`. */
  readonly read: (run: string) => Promise<KnownRun | undefined>;
  readonly isDriven: (run: string) => boolean;
  readonly isLeaving: () => boolean;
  readonly tell: (told: RunTold) => void;
}

export class Taking implements Tenure {
  readonly #options: TakingOptions;
  /** Runs whose record names this member; undefined for one that is not prepared, or has no record. */
  readonly #taken = new Map<string, TakenRun | undefined>();
  /** Runs of this home whose record is about to be taken. */
  readonly #asked = new Set<string>();
  /** Runs that somebody wants to go on, or that are taken over: from before their record is taken. */
  readonly #asking = new Set<string>();
  /** Runs of this home that are to be taken up when the mesh can be asked whose they are. */
  readonly #later = new Set<string>();

  constructor(options: TakingOptions) {
    this.#options = options;
  }

  has(run: string): boolean {
    return this.#taken.has(run) || this.#asked.has(run) || this.#asking.has(run);
  }

  prepared(run: string): TakenRun | undefined {
    return this.#taken.get(run);
  }

  /** It is driven from now on. Undefined if it was not driven before, or has no record. */
  begun(run: string): TakenRun | undefined {
    const taken = this.#taken.get(run);
    this.#taken.delete(run);
    return taken;
  }

  async take(row: RunRow, plan: Plan): Promise<Taken> {
    this.#asked.add(row.run);
    try {
      return await this.#takeOwn(row, plan);
    } finally {
      this.#asked.delete(row.run);
    }
  }

  /** Takes a run because somebody asked for it, unless it is being taken here already: a record that names this member says nothing of which of two asked. */
  async asked(run: string, take: () => Promise<void>): Promise<void> {
    if (this.has(run)) throw new DocketError('RUN_BUSY', `run ${run} is being taken up by this agent`);
    this.#asking.add(run);
    try {
      await take();
    } finally {
      this.#asking.delete(run);
    }
  }

  /** Of a run that is to go on and that this member had before, unless it was prepared. */
  async #takeOwn(row: RunRow, plan: Plan): Promise<Taken> {
    const { run } = row;
    const { terms } = this.#options;
    const { engine, self, vault, signal } = terms;
    if (this.#taken.has(run)) {
      const taken = this.#taken.get(run);
      if (taken === undefined) return { after: 0, letGo: () => {} };
      return { after: taken.after, kept: taken.kept, movable: movableOf(taken), letGo: () => {} };
    }
    const found = await this.#options.read(run).catch((error: unknown) => {
      if (isDocketError(error, 'MESH_UNREACHABLE')) this.#later.add(run);
      throw error;
    });
    if (found === undefined) {
      this.#taken.set(run, undefined);
      return { after: 0, letGo: () => this.#taken.delete(run) };
    }
    const { record } = found;
    const isOurs = record.coordinator === null || record.coordinator.did === self.did;
    const taken =
      record.state === 'running' && isOurs ? await takeRecord(terms, found, record.coordinator === null ? 'released' : 'died') : undefined;
    if (taken === undefined) {
      await syncRow(engine, (await this.#options.read(run))?.record ?? record, 'left');
      throw takenAway(run, record.state === 'running' ? 'another member of the mesh has it' : `it is ${record.state}`);
    }
    try {
      const { after, epochs } = await lastTold(terms, run, taken.revision);
      const { isSecured } = taken.record;
      // It may have had it from another, and never all that it needs.
      const kept = isSecured ? await bringInputs(vault, shelfOf(engine), { plan, isSecured }, signal) : [];
      this.#taken.set(run, { ...taken, after, epochs, isTrusted: true, kept });
      const back = (because: unknown): void => {
        this.#taken.delete(run);
        void letGo(terms, taken, because).catch(passOver);
      };
      return { after, kept, movable: movableOf({ ...taken, epochs }), letGo: back };
    } catch (error) {
      await letGo(terms, taken, error).catch(passOver);
      throw error;
    }
  }

  /** Those of this home for which the mesh could not be asked before. */
  async takeUpLate(): Promise<void> {
    const runs = [...this.#later];
    this.#later.clear();
    for (const run of runs)
      await this.#options
        .active()
        .goOn(run, true)
        .catch((error: unknown) => this.#untaken(run, error));
  }

  /** A run that nobody drives; false if this member could not go on with it. */
  async takeOver({ record: { run, coordinator } }: KnownRun, why: Why): Promise<boolean> {
    if (this.has(run)) return true;
    this.#asking.add(run);
    try {
      // The table may be behind.
      const found = await this.#options.read(run);
      if (found === undefined || found.record.state !== 'running' || !isSame(found.record.coordinator, coordinator)) return true;
      const taken = await takeRecord(this.#options.terms, found, why);
      if (taken === undefined) return true;
      await this.goOn(taken, (isTrusted) => this.#options.active().goOn(run, isTrusted));
      this.#options.tell({ kind: 'taken', run });
      return true;
    } catch (error) {
      this.#untaken(run, error);
      return false;
    } finally {
      this.#asking.delete(run);
    }
  }

  /** Drives a run whose record names this member, or lets go of it and throws why. */
  async goOn(taken: TakenRecord, drive: (isTrusted: boolean) => Promise<void>): Promise<void> {
    const { run } = taken.record;
    const { terms, isLeaving, isDriven } = this.#options;
    this.#taken.set(run, undefined);
    try {
      const prepared = await prepare(terms, taken);
      if (terms.engine.ledger.run(run)?.state === 'completed') return await endAsHere(terms, taken);
      if (isLeaving()) throw new DocketError('CANCELLED', 'the agent that was about to go on with it is leaving');
      this.#taken.set(run, prepared);
      await drive(prepared.isTrusted);
    } catch (error) {
      // One that was begun says itself what becomes of it.
      if (!isDriven(run)) await letGo(terms, taken, error).catch(passOver);
      throw becauseOf(terms.self, taken.record, error);
    } finally {
      this.#taken.delete(run);
    }
  }

  #untaken(run: string, error: unknown): void {
    const { code, message } = isDocketError(error) ? error : { code: 'INTERNAL', message: String(error) };
    this.#options.tell({ kind: 'untaken', run, code, message });
  }
}

function movableOf({ revision, epochs }: Pick<TakenRun, 'revision' | 'epochs'>): Movable {
  return { epoch: revision, before: epochs };
}
