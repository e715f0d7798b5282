import { DocketError, isDocketError, systemCode } from '../errors.ts';
import { Flight } from '../ledger/flight.ts';
import type { Change, RunTaskRow } from '../ledger/change.ts';
import type { RunRow } from '../ledger/runs.ts';
import { semanticsOf } from '../runner/ops.ts';
import type { Elsewhere } from '../scheduler/blob-view.ts';
import type { CoordinatorOptions, EarlierEnd } from '../scheduler/coordinator-options.ts';
import { Coordinator, type Load } from '../scheduler/coordinator.ts';
import { AWAIT_TIME, completedRun, type DriveHooks, type DriveOptions, type FinishedRun } from '../scheduler/driver.ts';
import { signAll } from '../scheduler/filed.ts';
import type { RunSummary } from '../scheduler/events.ts';
import type { SlotSource } from '../scheduler/local-crew.ts';
import type { Movable } from '../scheduler/run-keys.ts';
import { agreeFromMeta, textOfAgree } from '../workflow/agree.ts';
import type { Plan } from '../workflow/model.ts';
import { isPure } from '../workflow/policy.ts';
import { blobsHere } from './blobs-of.ts';
import { checkCalls } from './check-calls.ts';
import { CommitLine } from './commit-line.ts';
import { isElsewhere, isTakenAway, withElsewhere } from './elsewhere.ts';
import type { Engine } from './engine.ts';
import { wasLastHere, withEpoch } from './drive-epoch.ts';
import { expectedDurations } from './expected-durations.ts';
import { fetchedFor } from './fetched-for.ts';
import { homeOffer } from './home-offer.ts';
import { keepPlan } from './keep-plan.ts';
import { ownRun } from './own-run.ts';
import { MOST_FETCHED } from './resources/fetch-events.ts';
import type { Supplied } from './resources/supply.ts';
import { brokenOffCounts } from './run-counts.ts';
import { newRunId } from './run-id.ts';
import { settleRun } from './recover.ts';
import { deathOf, type Tries, triesOf, withTries } from './tries.ts';
import type { Sharing } from './trust/sharing.ts';
import { trustedMemo } from './trust/trusted-memo.ts';
import { VERSION } from './version.ts';

export interface RunOptions extends DriveOptions, DriveHooks {
  /** An agent drives it, which takes it up again after a crash. Default false. */
  readonly byAgent?: boolean;
  /** It is a job of a named module, and listed as one. Default false. */
  readonly isJob?: boolean;
  /** Its id. Default a new one. */
  readonly run?: string;
  /** What it was submitted with. */
  readonly submission?: { readonly key: string; readonly digest: string };
  /** Of a run that is taken up after a crash. Default: it was asked for, and what happened before does not count. */
  readonly tries?: Tries;
  /** Of an agent in a mesh. Default: there are no others. */
  readonly sharing?: Sharing | undefined;
  /** Default: nobody else may go on with it. */
  readonly movable?: Movable | undefined;
  /** Gets what the run needs and is elsewhere, when the run is recorded and before its first task begins. Throws the signal's reason when that is aborted. */
  readonly supply?: (signal: AbortSignal) => Promise<Supplied>;
  /** Where its tasks may be run, by its id; `known` resolves when it is recorded and told. Default: on the slots of this home, which runs all ops and has no tags. */
  readonly placing?: (run: string, known: Promise<unknown>, weight: number) => Placing;
  /** Is given what reads the load of the run while it goes on. */
  readonly onDriven?: (load: () => Load) => void;
}

/** Where tasks of a run may be run, and from where blobs come. */
export interface Placing extends Pick<CoordinatorOptions, 'crew' | 'bring' | 'keep' | 'here'> {
  /** Who else holds which blobs. */
  readonly elsewhere?: Elsewhere;
}

/** How often a run asks whether somebody cancelled it, in ms. */
const CANCEL_POLL = 250;

/** Runs a plan as a new run of this home. Throws `ARGUMENT_INVALID`, and what `checkModule` throws, before there is a run. */
export async function runPlan(engine: Engine, plan: Plan, options: RunOptions = {}): Promise<FinishedRun> {
  checkAgree(plan, options);
  await checkCalls(engine, plan);
  const run = options.run ?? newRunId(engine);
  const stored = await keepPlan(engine, plan);
  const { slots, force, failFast, awaitTime, agree, weight, byAgent, isJob, submission } = options;
  const kept = {
    slots: slots ?? null,
    force: force ?? null,
    failFast: failFast === true,
    ...(awaitTime === undefined ? {} : { awaitTime }),
    ...(agree === undefined ? {} : { agree: textOfAgree(agree) }),
    ...(weight === undefined ? {} : { weight }),
    ...(byAgent === true ? { agent: true } : {}),
    ...(isJob === true ? { job: true } : {}),
    ...(options.fetched === undefined || options.fetched.length === 0 ? {} : { fetched: options.fetched.slice(0, MOST_FETCHED) }),
  };
  using _owned = await ownRun(engine, run);
  const recorded = engine.ledger.commit([
    ...stored.changes,
    {
      kind: 'run',
      run,
      name: plan.name,
      workflow: plan.workflow,
      plan: stored.plan,
      options: kept,
      tasks: plan.tasks.length,
      created: engine.clock.now(),
    },
    ...(submission === undefined ? [] : [{ kind: 'submission', ...submission, run } as const]),
  ]);
  return await drive(engine, { run, plan, options, earlier: new Map(), isCurrent: true, recorded });
}

/** Throws `WORKFLOW_INVALID` for agreement on what need not be the same twice, and `AGREE_ALONE` where there is nobody to agree with. */
function checkAgree({ tasks }: Plan, { agree, sharing }: RunOptions): void {
  if (agree !== undefined && sharing === undefined) throw new DocketError('AGREE_ALONE', 'the run is to be agreed on by several agents');
  for (const { task, label } of tasks) {
    if (task.meta['agree'] === undefined) continue;
    agreeFromMeta(task.meta);
    if (!isPure(task))
      throw new DocketError('WORKFLOW_INVALID', `task "${label}" has grants or a module that may change, so there is nothing to agree on`);
    if (sharing === undefined) throw new DocketError('AGREE_ALONE', `task "${label}" is to be agreed on by several agents`);
  }
}

/** Takes a run up again that was cancelled, failed or cut off; what is finished is found, the rest is run. One that is complete stays as it is. */
export async function resumeRun(engine: Engine, run: string, plan: Plan, options: RunOptions = {}): Promise<FinishedRun> {
  using _owned = await ownRun(engine, run);
  // Whoever drove it may have been killed since this home was opened.
  await settleRun(engine, run);
  const row = engine.ledger.run(run);
  if (row?.state === 'completed') return completed(row);
  const earlier = new Map<number, Earlier>();
  for (const { index, state, attempts } of engine.ledger.runTasks(run)) earlier.set(index, { state, attempts });
  const { tries, movable } = options;
  const isAsBefore = row === undefined || ((tries ?? triesOf(row) ?? deathOf(row)) === undefined && !isElsewhere(row));
  const kept =
    row === undefined || (isAsBefore && movable === undefined)
      ? {}
      : { options: movable === undefined ? withTries(row, tries) : withEpoch(withTries(row, tries), movable.epoch) };
  const isCurrent = row === undefined || movable === undefined || wasLastHere(row, movable);
  const recorded = engine.ledger.commit([{ kind: 'run-update', run, state: 'running', finished: null, ...kept }]);
  return await drive(engine, { run, plan, options, earlier, isCurrent, recorded });
}

/** As it ended before. */
function completed({ run, workflow, counts, outputs, created, finished }: RunRow): FinishedRun {
  return completedRun({ run, workflow, tasks: counts, outputs: outputs ?? {}, created, finished });
}

/** How a task ended in earlier drives of its run, and how many attempts they began. */
type Earlier = Pick<RunTaskRow, 'state' | 'attempts'>;

interface Drive {
  readonly run: string;
  readonly plan: Plan;
  readonly options: RunOptions;
  readonly earlier: ReadonlyMap<number, Earlier>;
  /** Whether nobody else has driven it since. */
  readonly isCurrent: boolean;
  /** The commit of the run's row. Look-ups do not wait for it, but nothing is given to a slot before: recovery starts from that row. */
  readonly recorded: Promise<unknown>;
}

async function drive(engine: Engine, { run, plan: planned, options, earlier, isCurrent, recorded }: Drive): Promise<FinishedRun> {
  const { clock, ledger } = engine;
  const { sharing } = options;
  const began = clock.monotonic();
  using claims = engine.claims.forRun();
  const flight = new Flight(engine.paths.flight(run), engine.spareFlights);
  const cancelled = new AbortController();
  const signal = options.signal === undefined ? cancelled.signal : AbortSignal.any([options.signal, cancelled.signal]);
  const poll = pollCancel(engine, run, cancelled);
  const line = new CommitLine({
    settle: (written) => engine.disk.settle(written),
    sign: (changes) => signAll(changes, engine.key),
    commit: (changes) => ledger.commit(changes),
  });
  let landed = false;
  try {
    const known = recorded.then(() => options.onRun?.(run));
    // If it fails so does the coordinator's own first commit, which ends the run.
    known.catch(() => {});
    const { plan, lacks } =
      options.supply === undefined
        ? nothingLacks(planned)
        : await supplied(engine, run, planned, { known, signal, supply: options.supply });
    const { elsewhere, ...placing }: Placing = options.placing?.(run, known, options.weight ?? 1) ?? homePlacing(engine, plan);
    const coordinator = new Coordinator({
      run,
      plan,
      memo: trustedMemo(ledger, { run, hasEnded: (task) => isCurrent && endIn(earlier.get(task)) !== undefined }),
      commit: (changes, written) => line.commit(changes, written),
      blobs: blobsHere(engine, elsewhere),
      issuer: engine.key.did,
      slots: slotsOf(engine, known),
      claims,
      ...placing,
      ...(options.weight === undefined ? {} : { weight: options.weight }),
      size: Math.min(options.slots ?? engine.slotCount, engine.slotCount),
      semantics: semanticsOf,
      lacks,
      forced: forcedBy(plan, options.force),
      failFast: options.failFast === true,
      awaitTime: options.awaitTime ?? AWAIT_TIME,
      // Of one task alone there is nothing to put in order.
      expected: plan.tasks.length === 1 ? () => undefined : expectedDurations(ledger, plan),
      begun: (task) => earlier.get(task)?.attempts ?? 0,
      earlier: (task) => endIn(earlier.get(task)),
      flight,
      end: (summary) => {
        // It was stopped for want of knowing whether it was to be: then it is interrupted.
        if (poll.failure !== undefined) return [];
        return [summary.state === 'cancelled' && isTakenAway(signal.reason) ? leftTo(engine, run) : ended(engine, summary)];
      },
      onEvent: options.onEvent ?? (() => {}),
      clock,
      version: VERSION,
      cpu: process.arch,
      ...(sharing === undefined
        ? {}
        : {
            trust: sharing.trust,
            shared: sharing.shared,
            agree: options.agree ?? sharing.agree,
            mayCheck: sharing.mayCheck,
            onDissent: sharing.onDissent,
          }),
      movable: options.movable,
      // Nobody else goes on with what is not movable.
      kept: options.movable === undefined ? undefined : sharing?.kept,
      signal,
    });
    options.onDriven?.(() => coordinator.load);
    const summary = await coordinator.run();
    await known;
    if (poll.failure !== undefined) throw poll.failure.cause;
    landed = true;
    return { ...summary, workflow: plan.workflow, seconds: (clock.monotonic() - began) / 1000 };
  } catch (error) {
    // It would break again however often it is taken up.
    if (isMistake(error)) {
      const counts = brokenOffCounts(ledger, run, planned.tasks.length);
      await ledger.commit([{ kind: 'run-update', run, state: 'failed', from: ['running'], finished: clock.now(), counts }]);
    }
    throw error;
  } finally {
    poll.stop();
    // Left behind on a failure of the ledger: the next start reads from it which tasks were in flight.
    if (landed) flight.remove();
    else flight.close();
  }
}

function ended({ clock }: Engine, { run, state, tasks, outputs }: Omit<RunSummary, 'conflicts'>): Change {
  return { kind: 'run-update', run, state, finished: clock.now(), counts: tasks, outputs };
}

/** Somebody else goes on with it. */
function leftTo({ ledger, clock }: Engine, run: string): Change {
  const options = withElsewhere(ledger.run(run) ?? { options: {} });
  return { kind: 'run-update', run, state: 'interrupted', from: ['running'], finished: clock.now(), options };
}

interface Supply {
  /** Resolves when the run is recorded and told. */
  readonly known: Promise<unknown>;
  readonly signal: AbortSignal;
  readonly supply: NonNullable<RunOptions['supply']>;
}

/** What URLs gave is filed before anything is done with it: a run that is taken up goes on with the same. */
async function supplied(engine: Engine, run: string, plan: Plan, { known, signal, supply }: Supply): Promise<Supplied> {
  await known;
  try {
    const found = await supply(signal);
    const update: Change = { kind: 'run-update', run, state: 'running', from: ['running'] };
    const fetched = [...fetchedFor(engine.ledger.run(run)), ...found.fetched].slice(0, MOST_FETCHED);
    if (found.plan === plan) await engine.ledger.commit([{ ...update, fetched }]);
    else {
      const stored = await keepPlan(engine, found.plan);
      await engine.ledger.commit([...stored.changes, { ...update, plan: stored.plan, fetched }]);
    }
    return found;
  } catch (error) {
    // It was stopped: the coordinator sees that too, and ends it as it ends others.
    if (signal.aborted) return nothingLacks(plan);
    throw error;
  }
}

/** Those of the home, with what all that runs in this process shares beside them: nothing leaves for one before the run is `known`. */
function slotsOf({ slots }: Engine, known: Promise<unknown>): SlotSource {
  const { turns, memory } = slots;
  return { turns, memory, acquire: (stop, holder) => known.then(() => slots.acquire(stop, holder)) };
}

function homePlacing(engine: Engine, plan: Plan): Placing {
  const here = homeOffer(engine, plan);
  return here === undefined ? {} : { here };
}

function nothingLacks(plan: Plan): Supplied {
  return { plan, lacks: () => undefined, fetched: [] };
}

/** Not the fault of the disk, the system or the ledger, which may be better another time, but of Docket or of the plan. */
function isMistake(error: unknown): boolean {
  if (!isDocketError(error)) return systemCode(error) === undefined;
  return error.code === 'INTERNAL' || error.code === 'IPLD_INVALID';
}

/** Asks from time to time whether the run was cancelled. If that cannot be told any more, the run is stopped as well. */
function pollCancel(
  engine: Engine,
  run: string,
  controller: AbortController,
): { stop: () => void; failure: { readonly cause: unknown } | undefined } {
  const poll = { stop: (): void => {}, failure: undefined as { readonly cause: unknown } | undefined };
  const again = (): void => {
    poll.stop = engine.clock.after(CANCEL_POLL, () => {
      try {
        if (engine.ledger.run(run)?.state !== 'cancelled') return again();
        controller.abort(new DocketError('CANCELLED', `run ${run} was cancelled`));
      } catch (cause) {
        poll.failure = { cause };
        controller.abort(cause);
      }
    });
  };
  again();
  return poll;
}

function endIn(earlier: Earlier | undefined): EarlierEnd | undefined {
  const state = earlier?.state;
  return state === 'ok' || state === 'failed' || state === 'held' ? state : undefined;
}

function forcedBy(plan: Plan, force: RunOptions['force']): (task: number) => boolean {
  if (force === undefined) return () => false;
  if (force === 'all') return () => true;
  const names = new Set(force);
  return (index) => {
    const task = plan.tasks[index]!;
    return names.has(task.label) || names.has(task.group);
  };
}
