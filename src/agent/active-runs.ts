import type { RunResumption, RunSubmission, Submitted as What } from '../protocol/services.ts';
import type { FinishedRun } from '../scheduler/driver.ts';
import { isGivenUp, type RunEvent } from '../scheduler/events.ts';
import { EventLog } from '../base/event-log.ts';
import { DocketError, isDocketError } from '../errors.ts';
import type { RunRow } from '../ledger/runs.ts';
import type { Permission } from '../manifest/model.ts';
import type { PeerService } from '../protocol/peers.ts';
import type { FetchView } from '../protocol/records.ts';
import type { Movable } from '../scheduler/run-keys.ts';
import { compile } from '../workflow/compile.ts';
import type { Plan } from '../workflow/model.ts';
import { admit, admitResources } from './admission.ts';
import type { Engine } from './engine.ts';
import { isElsewhere, isTakenAway } from './elsewhere.ts';
import { findRun } from './find.ts';
import { KeptLogs } from './kept-logs.ts';
import { isOfAgent } from './note-deaths.ts';
import type { Places } from './places.ts';
import { bringIfAnywhere, resourcePeers } from './peers/bring-inputs.ts';
import { planOf } from './plan-of.ts';
import { readPlan } from './read-plan.ts';
import { FetchEvents } from './resources/fetch-events.ts';
import { type FetchSettings, Resources } from './resources/resources.ts';
import { type ResourceShelf, shelfOf } from './resources/shelf.ts';
import { type Shortage, shortageOf, type Supplied, supply } from './resources/supply.ts';
import { resumption } from './resumption.ts';
import { digestOf, sameOrThrow } from './submission-key.ts';
import { toldEvent } from './told-event.ts';
import type { Sharing } from './trust/sharing.ts';
import { resumeRun, runPlan, type RunOptions } from './run-plan.ts';
import { isForeign } from './foreign.ts';
import type { RunStart, RunWatch } from './run-watch.ts';
import { TaskPlaces } from './task-places.ts';
import { storedSources } from './stored-sources.ts';
import { type TakenUp, takeUpAll } from './take-up.ts';
import type { Tenure } from './tenure.ts';
import type { Cause, Tries } from './tries.ts';
import { clipped, toldErrors } from './told-errors.ts';
import { Whereabouts } from './whereabouts.ts';

/**
 * The runs that an agent drives.
 *
 * Invariants
 * D1. A run is told to whoever submitted it when its row is durable: from then on it is driven to its end, by this agent or, after a crash, by the next on
 *     this home. What it needs and is elsewhere is fetched after that; one that is taken up fetches what it still lacks.
 * D2. Submitting with a key that was used before gives the run of that time and starts nothing, also if both come at once.
 * D3. The log of a run is kept for a while after its end, so that those who watch hear of it.
 * D4. A run has its place from before its workflow is looked at until it has ended. One that is taken up after a crash has a place even if there is none.
 * D5. Stopping aborts every run and waits for it, also for one that is not recorded yet. None begins afterwards.
 * D6. What cannot be told of a run ends neither its bookkeeping nor the agent.
 */

interface Terms {
  /** What modules may be given. */
  readonly policy: readonly Permission[];
  readonly ops: readonly string[];
  readonly places: Places;
  /** Told of every run. */
  readonly watch: RunWatch;
  readonly peers: PeerService;
  readonly fetch: FetchSettings;
  /** Where tasks of a run may be run. Default: here. */
  readonly placing?: RunOptions['placing'];
  /** Who else may drive a run. Default: nobody. */
  readonly tenure?: Tenure | undefined;
  /** In a mesh. */
  readonly sharing?: Sharing | undefined;
}

interface Active {
  readonly stop: AbortController;
  readonly plan: Plan;
  readonly places: TaskPlaces;
  readonly log: EventLog;
  readonly fetching: FetchEvents;
  /** Why nobody could run a task that waits for a place, by its index. */
  readonly whereabouts: Whereabouts;
}

export class ActiveRuns implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #terms: Terms;
  readonly #shelf: ResourceShelf;
  readonly #resources: Resources;
  readonly #active = new Map<string, Active>();
  /** Logs of runs that ended. */
  readonly #ended = new KeptLogs();
  /** Runs from before they are recorded until they have ended, each with what stops it. */
  readonly #drives = new Map<AbortController, Promise<void>>();
  readonly #submitting = new Map<string, Promise<string>>();
  readonly #stopping = new AbortController();
  /** Of runs that may have killed an agent. */
  #trials: Promise<void> = Promise.resolve();

  constructor(engine: Engine, terms: Terms) {
    this.#engine = engine;
    this.#terms = terms;
    this.#shelf = shelfOf(engine);
    const fetch = { ...terms.fetch, peers: resourcePeers(terms.peers), clock: terms.fetch.clock ?? engine.clock, atOnce: FETCHED_AT_ONCE };
    this.#resources = new Resources(this.#shelf, fetch, this.#stopping.signal);
  }

  /** Starts a run; gives its id. `id`: that of a new one; default one is made. Throws what `compile` and `readPlan` throw, `AGENT_FULL`, `OP_REFUSED`, `PERMISSION_DENIED`, `KEY_REUSED`. */
  async submit(submission: RunSubmission, id?: string): Promise<{ readonly run: string; readonly isNew: boolean }> {
    const { key } = submission;
    if (key === undefined) return { run: await this.#submit(submission, undefined, id), isNew: true };
    const digest = digestOf(submission);
    for (;;) {
      const earlier = this.#engine.ledger.submission(key);
      if (earlier !== undefined) return { run: sameOrThrow(earlier, key, digest), isNew: false };
      const pending = this.#submitting.get(key);
      if (pending === undefined) break;
      await pending.catch(() => {});
    }
    const submitted = this.#submit(submission, { key, digest }, id);
    this.#submitting.set(key, submitted);
    try {
      return { run: await submitted, isNew: true };
    } finally {
      this.#submitting.delete(key);
    }
  }

  /** Takes up the runs that agents on this home drove when they were killed, see `takeUpAll`. One that cannot be is left as it is, and told. */
  async resumeAll(listener: TakenUp, cause: Cause): Promise<void> {
    const { ledger, clock } = this.#engine;
    const all = ledger.runs({ state: 'interrupted', limit: MOST_INTERRUPTED }).toReversed();
    const found = all.filter((row) => isOfAgent(row.options) && !isElsewhere(row));
    const takeUp = (row: RunRow, tries: Tries): Promise<void> => this.#takeUp(row, { isTrusted: true }, this.#terms.places.seize(), tries);
    const { trials } = await takeUpAll(
      { ledger, clock, takeUp, gotOn: (run, stop) => this.#gotOn(run, stop), told: listener, signal: this.#stopping.signal },
      found,
      cause,
    );
    this.#trials = trials;
  }

  async #gotOn(run: string, signal: AbortSignal): Promise<void> {
    for await (const { kind } of this.#active.get(run)?.log.read(0, signal) ?? []) if (kind === 'settled') return;
  }

  /** Takes up one run; one that is complete stays as it is. Gives its id. Throws `RUN_UNKNOWN`, `RUN_BUSY`, `AGENT_FULL`, `OP_REFUSED`. */
  async resume(word: string, options: RunResumption): Promise<string> {
    const row = findRun(this.#engine, word);
    if (this.#active.has(row.run)) throw new DocketError('RUN_BUSY', `run ${row.run} is being driven by this agent`);
    if (row.state !== 'completed') await this.#takeUp(row, options, this.#terms.places.take());
    return row.run;
  }

  /** Drives on what others drove before, a row of which is here. As `resume`, but there is always a place for it. */
  async goOn(run: string, isTrusted: boolean): Promise<void> {
    await this.#takeUp(this.#engine.ledger.run(run)!, { isTrusted }, this.#terms.places.seize());
  }

  /** Stops driving a run, if it is driven here; resolves when nothing of it is under way any more. */
  async stop(run: string, reason: DocketError): Promise<void> {
    const stop = this.#active.get(run)?.stop;
    stop?.abort(reason);
    await (stop && this.#drives.get(stop));
  }

  async #takeUp(row: RunRow, { isTrusted: mayAll, ...asked }: RunResumption, room: Disposable, tries?: Tries): Promise<void> {
    using place = new DisposableStack();
    place.use(room);
    const plan = await planOf(this.#engine, row.run);
    const isTrusted = mayAll && !isForeign(row);
    admit(plan, this.#terms, isTrusted);
    const taken = await this.#terms.tenure?.take(row, plan);
    const options = { ...resumption(this.#engine, row, plan, asked, taken?.movable), ...(tries === undefined ? {} : { tries }) };
    try {
      const shortage = await shortageOf(this.#shelf, plan, taken?.kept);
      const begin = { plan, kind: 'run', isTrusted, shortage, after: taken?.after ?? 0 } as const;
      await this.#drive(begin, place.move(), (hooks) =>
        resumeRun(this.#engine, row.run, plan, { ...options, ...this.#inMesh(taken?.movable), ...hooks }),
      );
    } catch (error) {
      taken?.letGo(error);
      throw error;
    }
  }

  /** How many go on. */
  get size(): number {
    return this.#active.size;
  }

  /** The log of a run that goes on or ended a short time ago. */
  log(run: string): EventLog | undefined {
    return this.#active.get(run)?.log ?? this.#ended.get(run);
  }

  /** A run that goes on, with its log. */
  live(run: string): Pick<Active, 'plan' | 'log'> | undefined {
    return this.#active.get(run);
  }

  /** What a run waits for before its first task begins. */
  fetching(run: string): readonly FetchView[] {
    return this.#active.get(run)?.fetching.views ?? [];
  }

  /** Where the tasks of a run that goes on are. */
  whereabouts(run: string): Whereabouts | undefined {
    return this.#active.get(run)?.whereabouts;
  }

  /** Whether a run that goes on has a task with this digest that has not ended in it. */
  expects(task: Uint8Array): boolean {
    return [...this.#active].some(([run, { places }]) => {
      const index = places.of(task);
      return index !== undefined && this.#engine.ledger.runTask(run, index) === undefined;
    });
  }

  async #submit(
    { what, options, isTrusted, traceparent, share }: RunSubmission,
    submission: { key: string; digest: string } | undefined,
    id: string | undefined,
  ): Promise<string> {
    using place = new DisposableStack();
    place.use(share);
    place.use(this.#terms.places.take());
    const plan = await this.#planOf(what, isTrusted);
    admit(plan, this.#terms, isTrusted);
    const shortage = await shortageOf(this.#shelf, plan);
    admitResources(plan, shortage, this.#resources);
    const more = {
      byAgent: true,
      ...this.#inMesh(),
      ...(submission === undefined ? {} : { submission }),
      ...(id === undefined ? {} : { run: id }),
    };
    const begin = { plan, kind: 'run', isTrusted, traceparent, shortage } as const;
    return await this.#drive(begin, place.move(), (hooks) => runPlan(this.#engine, plan, { ...options, ...more, ...hooks }));
  }

  /** What a run has of the mesh. `movable`: as of `Taken`. */
  #inMesh(movable: Movable = { epoch: 0, before: [] }): Pick<RunOptions, 'sharing' | 'movable'> {
    const { sharing } = this.#terms;
    return sharing === undefined ? {} : { sharing, movable };
  }

  async #planOf(what: What, isTrusted: boolean): Promise<Plan> {
    const { peers } = this.#terms;
    if (what.kind === 'plan') {
      await bringIfAnywhere(peers, what.plan, this.#stopping.signal);
      return await readPlan(this.#engine, what.plan, { isTrusted });
    }
    const { source, file, inputs } = what;
    return await compile(source, { file, inputs, sources: storedSources(this.#engine, peers, this.#stopping.signal) });
  }

  /** Resolves when the run's row is durable. */
  #drive(
    { shortage, after = 0, ...begin }: RunStart & { readonly shortage: Shortage | undefined; readonly after?: number },
    place: Disposable,
    start: (hooks: RunOptions) => Promise<FinishedRun>,
  ): Promise<string> {
    const { plan } = begin;
    const { signal } = this.#stopping;
    if (signal.aborted) {
      place[Symbol.dispose]();
      return Promise.reject(signal.reason as Error);
    }
    const observer = this.#terms.watch(begin);
    const log = new EventLog({ after });
    const stop = new AbortController();
    const known = Promise.withResolvers<string>();
    let id: string | undefined;
    const fetching = new FetchEvents(this.#engine.clock, (event) => onEvent(event));
    const onRun = (run: string): void => {
      id = run;
      this.#active.set(run, { stop, plan, places: new TaskPlaces(plan), log, fetching, whereabouts });
      log.add('begun', { run, name: plan.name, workflow: plan.workflow.toString(), tasks: plan.tasks.length });
      observer.begun(run);
      known.resolve(run);
    };
    const whereabouts = new Whereabouts();
    const onEvent = (event: RunEvent): void => {
      observer.event(event);
      whereabouts.hear(event);
      // Others go on with what is let go of: that is no end to be told of.
      if (isTakenAway(stop.signal.reason) && isGivenUp(event)) return;
      log.add(event.kind, toldEvent(event, plan));
    };
    const broken = (error: unknown): void => {
      const { code, message } = isDocketError(error) ? error : { code: 'INTERNAL', message: String(error) };
      log.add('broken', { code, message: clipped(message) });
    };
    const supplying =
      shortage === undefined ? {} : { supply: (cancelled: AbortSignal) => this.#supply(plan, shortage, fetching, cancelled) };
    const { placing } = this.#terms;
    const done = start({
      onRun,
      onEvent,
      onDriven: observer.driven,
      signal: stop.signal,
      ...(placing === undefined ? {} : { placing }),
      ...supplying,
    })
      .then(
        ({ run, state, tasks, errors, seconds }) => {
          // One that turned out to be complete was never begun.
          known.resolve(run);
          observer.ended(state);
          log.add('ended', { state, tasks, ...toldErrors(errors), seconds });
        },
        (error: unknown) => {
          known.reject(error);
          observer.ended('broken');
          broken(error);
        },
      )
      .catch(broken);
    this.#drives.set(stop, done);
    void done.then(() => {
      log.close();
      place[Symbol.dispose]();
      this.#drives.delete(stop);
      if (id !== undefined) this.#retire(id, log);
    });
    return known.promise;
  }

  async #supply(plan: Plan, shortage: Shortage, fetching: FetchEvents, signal: AbortSignal): Promise<Supplied> {
    const supplied = await supply(this.#resources, plan, shortage, {
      signal,
      onProgress: (progress) => fetching.add(progress),
      onFailure: (resource, error) => fetching.failed(resource, error),
    });
    return { ...supplied, fetched: fetching.fetched };
  }

  #retire(run: string, log: EventLog): void {
    this.#active.delete(run);
    this.#ended.keep(run, log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new DocketError('CANCELLED', 'the agent was stopped');
    this.#stopping.abort(reason);
    for (const stop of this.#drives.keys()) stop.abort(reason);
    await Promise.allSettled([this.#trials, ...this.#submitting.values(), ...this.#drives.values()]);
  }
}

/** Resources fetched at a time, of all runs. */
const FETCHED_AT_ONCE = 32;

/** Runs taken up at a start. */
const MOST_INTERRUPTED = 10_000;
