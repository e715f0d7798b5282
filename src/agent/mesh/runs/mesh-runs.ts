import { DocketError, isDocketError } from '../../../errors.ts';
import type { CID } from '../../../ipld/cid.ts';
import type { Mesh } from '../../../mesh/mesh.ts';
import { type Holder, keyOfRun } from '../../../protocol/mesh/run-record.ts';
import type { RunResumption, RunSubmission } from '../../../protocol/services.ts';
import type { IpldMap } from '../../../ipld/value.ts';
import type { RunRecords } from '../../../protocol/records.ts';
import type { Plan } from '../../../workflow/model.ts';
import type { ActiveRuns } from '../../active-runs.ts';
import type { Engine } from '../../engine.ts';
import { newRunId } from '../../run-id.ts';
import type { RunWatch } from '../../run-watch.ts';
import { digestOf } from '../../submission-key.ts';
import type { Tenure } from '../../tenure.ts';
import { answerCancel } from './cancel.ts';
import type { Company } from './company.ts';
import { Drive, type DriveTerms } from './drive.ts';
import { within } from './pause.ts';
import { type Keep, Retention } from './retention.ts';
import { type KnownRun, RunTable } from './run-table.ts';
import { digestOfKey } from './said.ts';
import { reachedBy } from './reached.ts';
import { meshRunRecords } from './run-records.ts';
import { claim } from './submissions.ts';
import { syncRow } from './sync-row.ts';
import { takeRecord, type TakeTerms } from './take.ts';
import { passOver } from './pass-over.ts';
import { Taking } from './taking.ts';
import { judgeCoordinator, Takeovers } from './takeovers.ts';
import type { RunTold } from './told.ts';
import type { Vault } from './vault.ts';

/**
 * This member's part in the runs of the mesh: those it drives are told to the others, and those that nobody drives any more are taken over.
 *
 * Invariants
 * M1. A run is driven by whoever its record names. Who finds another's name there stops at once; its row says then that the run is elsewhere.
 * M2. What the mesh is slow, full or away for stops no run that is driven here; when the link is back each looks first whether it is still its own.
 * M3. Whatever drives a run that was driven before has taken its record first: after a start, by takeover, or because somebody asked for it.
 * M4. Stopping hands runs over in order: each is stopped, all of it is told, then its record names nobody. Who does not hear the mesh leaves them as they are.
 */

export interface MeshRunsOptions {
  readonly engine: Engine;
  readonly mesh: Mesh;
  readonly self: Holder;
  readonly company: Company;
  readonly vault: Vault;
  /** Whose word counts, by DID. */
  readonly believes: (did: string) => boolean;
  /** Resolves when the mesh was told of all results that are filed here, or after so many ms. Default: nothing is told. */
  readonly resultsTold?: (ms: number) => Promise<void>;
  /** Who drives runs here; there when the first one begins. */
  readonly active: () => ActiveRuns;
  /** Which runs that ended are kept in the mesh. */
  readonly keep?: Partial<Keep>;
  /** For the log and the metrics. */
  readonly onTold?: (told: RunTold) => void;
}

/** How long a submission waits for its run to stand in the mesh, and stopping for runs to be handed over, in ms. */
const KNOWN = 5_000;
const HAND_OVER = 10_000;
const AGAIN = 1_000;

export class MeshRuns implements AsyncDisposable {
  readonly table: RunTable;
  /** Of `ActiveRuns`. */
  readonly tenure: Tenure;
  readonly #options: MeshRunsOptions;
  readonly #terms: TakeTerms;
  readonly #driveTerms: DriveTerms;
  readonly #takeovers: Takeovers;
  readonly #retention: Retention;
  readonly #drives = new Map<string, Drive>();
  readonly #ending = new Set<Promise<void>>();
  readonly #taking: Taking;
  readonly #submitted = new Map<string, string>();
  readonly #stopping = new AbortController();
  readonly #link: Disposable;
  #isLeaving = false;

  constructor(options: MeshRunsOptions) {
    const { engine, mesh, self, company, vault, believes, active, resultsTold = async () => {} } = options;
    const { clock } = engine;
    this.#options = options;
    const { signal } = this.#stopping;
    const onRefused = (message: string): void => this.#tell({ kind: 'refused', message });
    this.#terms = { engine, mesh, self, vault, believes, onRefused, signal };
    this.#driveTerms = {
      engine,
      mesh,
      self,
      vault,
      resultsTold,
      stop: (run, reason) => active().stop(run, reason),
      onUntold: (run, { code, message }) => this.#tell({ kind: 'untold', run, code, message }),
      onUnsecured: (run, { code, message }) => this.#tell({ kind: 'unsecured', run, code, message }),
      onSecured: (run) => this.#tell({ kind: 'secured', run }),
    };
    this.table = new RunTable({
      records: mesh.records,
      clock,
      onRefused: ({ key, refused, problem }) => onRefused(`the record ${key} is ${refused}: ${problem}`),
      onChange: (run, known) => this.#changed(run, known),
    });
    this.#taking = new Taking({
      ...{ terms: this.#terms, active, read: (run) => this.#read(run) },
      ...{ isDriven: (run) => this.#drives.has(run), isLeaving: () => this.#isLeaving, tell: (told) => this.#tell(told) },
    });
    this.tenure = this.#taking;
    this.#takeovers = new Takeovers({
      clock,
      company,
      known: () => this.table.all(),
      isHere: (run) => this.#isLeaving || this.#drives.has(run) || this.#taking.has(run),
      take: (known, why) => this.#taking.takeOver(known, why),
    });
    this.#link = mesh.onLink(({ tag }) => {
      if (tag === 'up') void this.#taking.takeUpLate();
    });
    this.#retention = new Retention({ mesh, clock, company, table: this.table, ...options.keep });
  }

  /** Of `ActiveRuns`: tells the mesh of every run that is driven here. */
  readonly watch: RunWatch = ({ plan, kind, isTrusted = false }) => {
    let drive: Drive | undefined;
    return {
      begun: (run) => {
        if (kind === 'run') drive = this.#begun(run, plan, isTrusted);
      },
      event: (event) => drive?.event(event),
      driven: () => {},
      ended: () => {
        if (drive !== undefined) this.#ended(drive);
      },
    };
  };

  /** A run that is driven here, or was a moment ago. */
  drive(run: string): Drive | undefined {
    return this.#drives.get(run);
  }

  /** Of a run that is driven here, or about to be: what it needs that lies in the mesh and may not be here. */
  keptOf(run: string): readonly CID[] {
    return (this.#taking.prepared(run) ?? this.#drives.get(run))?.kept ?? [];
  }

  /** As `ActiveRuns.submit`; the same key at any member is one run, as far as the mesh can be asked. */
  async submit(submission: RunSubmission): Promise<{ readonly run: string; readonly isNew: boolean }> {
    const { key } = submission;
    const claimed = key === undefined ? undefined : await this.#claim(key, submission);
    if (claimed?.tag === 'earlier') return { run: claimed.run, isNew: false };
    if (claimed !== undefined) this.#submitted.set(claimed.run, digestOfKey(key!));
    let begun: string | undefined;
    try {
      const submitted = await this.#options.active().submit(submission, claimed?.run);
      begun = submitted.run;
      await this.#drives.get(begun)?.known(this.#options.mesh.link.tag === 'up' ? KNOWN : 0);
      return submitted;
    } finally {
      if (claimed !== undefined) this.#submitted.delete(claimed.run);
      await claimed?.settle(begun).catch(passOver);
    }
  }

  /** As `ActiveRuns.resume`, of any run of the mesh, by its id. Throws `RUN_BUSY` if a member that is there drives it. */
  async resume(run: string, options: RunResumption): Promise<string> {
    const active = this.#options.active();
    if (this.#drives.has(run)) return await active.resume(run, options);
    let resumed = run;
    await this.#taking.asked(run, async () => void (resumed = await this.#resume(run, options)));
    return resumed;
  }

  async #resume(run: string, options: RunResumption): Promise<string> {
    const active = this.#options.active();
    const found = await this.#read(run);
    if (found === undefined || found.record.state === 'deleted') return await active.resume(run, options);
    if (found.record.state === 'completed') return run;
    const judgment = found.record.state === 'running' ? judgeCoordinator(found.record, this.#options.company) : 'released';
    if (judgment === 'driven' || judgment === 'unknown')
      throw new DocketError('RUN_BUSY', `run ${run} is being driven by ${found.record.coordinator?.did}`);
    const taken = await takeRecord(this.#terms, found, 'asked');
    if (taken === undefined) throw new DocketError('RUN_BUSY', `run ${run} was taken up by another member at this moment`);
    // Who asks names the run, and not the plan that whoever wrote the record named.
    const resume = async (isOwn: boolean): Promise<unknown> => active.resume(run, { ...options, isTrusted: options.isTrusted && isOwn });
    await this.#taking.goOn(taken, async (isTrusted) => void (await resume(isTrusted)));
    return run;
  }

  /** The runs of the mesh and of this home. `local`: of the home alone; `recordsAt`: of another member's. */
  records(local: RunRecords, recordsAt: (did: string) => Promise<RunRecords>): RunRecords {
    const { engine, mesh, self, company, vault } = this.#options;
    return meshRunRecords({
      engine,
      mesh,
      self,
      company,
      vault,
      clock: engine.clock,
      table: this.table,
      local,
      recordsAt,
      drive: (run) => this.#drives.get(run),
      read: (run) => this.#read(run),
      revision: async (run, signal) => await reachedBy(run, { records: mesh.records, clock: engine.clock }, signal),
      goesOn: async (run) => ((await this.#read(run).catch(passOver)) ?? this.table.get(run))?.record.state === 'running',
      onRefused: this.#terms.onRefused,
      signal: this.#stopping.signal,
    });
  }

  /** Answers the question `CANCEL` of another member. */
  async answerCancel(parts: IpldMap, local: Pick<RunRecords, 'cancel'>): Promise<Uint8Array | undefined> {
    return await answerCancel(parts, { local, isHere: (run) => this.#drives.get(run)?.isHeld === true, signal: this.#stopping.signal });
  }

  /** Hands the runs that are driven here over to the others, and takes none any more. One that the mesh never heard of stays. */
  async handOver(why: string): Promise<void> {
    this.#isLeaving = true;
    const held = [...this.#drives.values()].filter(({ lease }) => lease.standing.tag === 'held');
    await Promise.all(held.map((drive) => drive.leave(why)));
    await Promise.all(this.#ending);
  }

  /** As `handOver`, if anybody is there who would go on with them. */
  async drain(why: string): Promise<void> {
    const isUp = this.#options.mesh.link.tag === 'up';
    if (isUp && this.#options.company.others().some(({ isDraining }) => !isDraining)) await this.handOver(why);
  }

  #begun(run: string, plan: Plan, isTrusted: boolean): Drive {
    const taken = this.#taking.begun(run);
    const log = this.#options.active().log(run)!;
    const submission = taken?.record.submission ?? this.#submitted.get(run) ?? null;
    const drive = new Drive(this.#driveTerms, { run, plan, isTrusted, log, submission, taken });
    this.#drives.set(run, drive);
    return drive;
  }

  #ended(drive: Drive): void {
    const ending = drive
      .end()
      .then((outcome) => {
        if (outcome !== 'ended') this.#tell({ kind: outcome === 'left' ? 'released' : 'lost', run: drive.run });
      })
      .finally(() => {
        this.#drives.delete(drive.run);
        this.#ending.delete(ending);
        this.#changed(drive.run, this.table.get(drive.run));
      });
    this.#ending.add(ending);
  }

  #changed(run: string, known: KnownRun | undefined): void {
    const drive = this.#drives.get(run);
    if (drive === undefined) {
      if (known !== undefined) void syncRow(this.#options.engine, known.record).catch(passOver);
    } else if (known === undefined) drive.lease.vanished();
    else drive.lease.observe(known.record, known.revision);
  }

  async #claim(key: string, submission: RunSubmission): ReturnType<typeof claim> {
    const { engine, mesh, self, company } = this.#options;
    const { clock } = engine;
    const { onRefused, signal } = this.#terms;
    const alone = { tag: 'claimed', run: newRunId(engine), settle: async () => {} } as const;
    // Who is cut off knows the keys of this home, and no others.
    if (mesh.link.tag === 'down') return alone;
    try {
      return await claim({ mesh, clock, self, company, newRun: () => alone.run, onRefused, signal }, key, digestOf(submission));
    } catch (error) {
      if (isDocketError(error, 'MESH_UNREACHABLE') || isDocketError(error, 'MESH_FULL')) return alone;
      throw error;
    }
  }

  /** Reads what stands there now. What cannot be read is told, and counts as none. */
  async #read(run: string): Promise<KnownRun | undefined> {
    const key = keyOfRun(run);
    const found = await this.#options.mesh.records.get(key);
    const record = found && this.table.heard(key, found.value, found.revision);
    return record === undefined ? undefined : { record, revision: found!.revision };
  }

  #tell(told: RunTold): void {
    this.#options.onTold?.(told);
  }

  /** Hands over what is driven, for so long as that may take, and takes no part any more. `ActiveRuns` is to be stopped after that. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { clock } = this.#options.engine;
    this.#link[Symbol.dispose]();
    await within(clock, this.#options.mesh.link.tag === 'up' ? HAND_OVER : AGAIN, this.handOver('this agent is being stopped'));
    this.#stopping.abort(new DocketError('CANCELLED', 'the agent was stopped'));
    await this.#takeovers[Symbol.asyncDispose]();
    await this.#retention[Symbol.asyncDispose]();
    for (const drive of this.#drives.values()) await drive[Symbol.asyncDispose]();
    await this.table[Symbol.asyncDispose]();
  }
}
