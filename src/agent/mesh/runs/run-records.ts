import { DocketError, isDocketError } from '../../../errors.ts';
import type { RunRecord } from '../../../protocol/mesh/run-record.ts';
import type { RunFilter, RunRecords, RunView, TaskPage } from '../../../protocol/records.ts';
import type { Plan } from '../../../workflow/model.ts';
import { wasDrivenBefore } from '../../drive-epoch.ts';
import type { Engine } from '../../engine.ts';
import { planIn } from '../../plan-of.ts';
import { cancelAnywhere, type CancelTerms } from './cancel.ts';
import { endRun } from './end-run.ts';
import { followRun, type FollowTerms } from './follow-run.ts';
import { within } from './pause.ts';
import { journaled } from './journaled.ts';
import { graphOf, pageOf, seenIn } from './plan-view.ts';
import { viewOfRecord } from './record-view.ts';
import type { KnownRun, RunTable } from './run-table.ts';
import { outputsOf } from './said.ts';
import { toTheMoment } from './to-the-moment.ts';
import type { Vault } from './vault.ts';
import { withRanBefore } from './ran-before.ts';
import { whyInMesh } from './why-in-mesh.ts';

/**
 * Runs of the mesh beside those of this home: any member answers for any run.
 *
 * - A run that is driven here, or that the mesh does not know, is answered for by this home.
 * - Of the others the record says how they are, and the journal what happens in them; of one that goes on its coordinator how its tasks are at the moment, if it can.
 * - What only a coordinator knows is asked of it: who that is is read anew each time, so that two members never ask each other in turn.
 * - If it cannot be reached, what plan and journal tell is told, and else `RUN_UNREACHABLE` thrown.
 */
export interface MeshRecordsOptions extends FollowTerms, CancelTerms {
  readonly engine: Engine;
  readonly table: RunTable;
  readonly vault: Vault;
  /** Of this home alone. */
  readonly local: RunRecords;
  /** What another member's home keeps. Throws `AGENT_UNREACHABLE`, or what else keeps it from being asked. */
  readonly recordsAt: (did: string) => Promise<RunRecords>;
  /** What stands in the mesh at this moment. */
  readonly read: (run: string) => Promise<KnownRun | undefined>;
  readonly signal: AbortSignal;
}

/** Where what keeps a coordinator from answering is no answer. */
const AWAY: ReadonlySet<string> = new Set([
  'AGENT_UNREACHABLE',
  'AGENT_TIMEOUT',
  'AGENT_UNTRUSTED',
  'MESH_NO_ANSWER',
  'MESH_UNREACHABLE',
  'RUN_UNKNOWN',
]);
/** How long a record is waited for that does not come, in ms. */
const PATIENCE = 2_000;

export function meshRunRecords(options: MeshRecordsOptions): RunRecords {
  const { engine, table, local, self, vault } = options;
  const isHere = (run: string): boolean => options.drive(run)?.isHeld === true;
  /** Undefined: this home answers. */
  const elsewhere = (run: string): KnownRun | undefined => {
    const known = table.get(run);
    return known === undefined || known.record.state === 'deleted' || isHere(run) ? undefined : known;
  };
  const isOfMesh = (run: string): boolean => table.get(run) !== undefined || options.drive(run) !== undefined;
  const idOf = (word: string): Promise<string> => resolveWord(options, word);
  const bring = (cid: Parameters<Vault['bring']>[0]): Promise<void> => vault.bring(cid, options.signal);
  const planOfRecord = async ({ run, plan }: RunRecord): Promise<Plan> => {
    const { link } = options.mesh;
    // Nothing would come of it before the patience of the engine is over.
    if (link.tag === 'down' && (await engine.store.stat(plan)) === undefined) throw link.error;
    await bring(plan);
    return await planIn(engine, { run, plan });
  };

  /** Of whoever has the rows; if that cannot be asked what `otherwise` gives. */
  async function ask<T>(
    word: string,
    here: (run: string) => Promise<T>,
    there: (records: RunRecords, run: string) => Promise<T>,
    otherwise?: (record: RunRecord) => Promise<T>,
  ): Promise<T> {
    const run = await idOf(word);
    if (elsewhere(run) === undefined) return await here(run);
    const { record } = (await readNow(options, run)) ?? elsewhere(run)!;
    if (record.coordinator?.did === self.did && engine.ledger.run(run) !== undefined) return await here(run);
    try {
      if (record.coordinator === null || record.coordinator.did === self.did) throw unreachable(run, 'nobody drives it at the moment');
      return await there(await options.recordsAt(record.coordinator.did), run);
    } catch (error) {
      if (!isDocketError(error) || !(AWAY.has(error.code) || error.code === 'RUN_UNREACHABLE')) throw error;
      if (otherwise !== undefined)
        return await otherwise(record).catch((cause: unknown) => {
          throw unreachable(run, `${messageOf(error)}; nor can its plan be had: ${messageOf(cause)}`, cause);
        });
      throw error.code === 'RUN_UNREACHABLE' ? error : unreachable(run, messageOf(error), error);
    }
  }

  return {
    list: (filter) => listAll(local, table, isHere, filter),
    async find(word) {
      const run = await idOf(word);
      const known = elsewhere(run);
      if (known === undefined) return withDrive(await local.find(run), options);
      const { record } = (await readNow(options, run)) ?? known;
      // What cannot be read of it does not keep the rest from being told. A home that was full kept them nowhere but in its row.
      const outputs = await outputsOf(record, engine.store, bring)
        .catch(
          async () =>
            (
              await ask(
                run,
                (id) => local.find(id),
                (records) => records.find(run),
              )
            ).outputs,
        )
        .catch(() => ({}));
      return { ...viewOfRecord(record), ...(await toTheMoment({ ...options, clock: engine.clock }, record)), outputs };
    },
    tasks: (word, page) =>
      ask(
        word,
        async (run) => {
          const tasks = await local.tasks(run, page);
          const row = engine.ledger.run(run);
          return row !== undefined && isOfMesh(run) && wasDrivenBefore(row) ? await withRanBefore(options, run, tasks) : tasks;
        },
        (records, run) => records.tasks(run, page),
        (record) => tasksOf(options, record, planOfRecord, page),
      ),
    graph: (word) =>
      ask(
        word,
        (run) => local.graph(run),
        (records, run) => records.graph(run),
        async (record) => graphOf(await planOfRecord(record)),
      ),
    why: (word, task) =>
      ask(
        word,
        async (run) => {
          const { label, why } = await local.why(run, task);
          return { label, why: isOfMesh(run) ? await whyInMesh(options, { run, label }, why) : why };
        },
        (records, run) => records.why(run, task),
      ),
    async *logs(word, task) {
      yield* await ask(
        word,
        async (run) => local.logs(run, task),
        async (records, run) => {
          // Before anything is given: whoever cannot be reached says so now.
          await records.find(run);
          return records.logs(run, task);
        },
      );
    },
    async cancel(word, signal) {
      const run = await idOf(word);
      return elsewhere(run) === undefined ? await local.cancel(run, signal) : await cancelAnywhere(options, run, signal);
    },
    delete: async (word) => await deleteAnywhere(options, await idOf(word), isHere),
    async *events(word, after, signal) {
      const run = await idOf(word);
      if (!isOfMesh(run)) yield* local.events(run, after, signal);
      else {
        const record = after > 0 ? undefined : ((await readNow(options, run)) ?? table.get(run));
        yield* followRun(options, { run, after, record }, signal);
      }
    },
  };
}

/** With what the home's own row does not say. */
function withDrive(view: RunView, { drive, self }: MeshRecordsOptions): RunView {
  const driven = drive(view.run);
  if (driven?.isHeld !== true) return view;
  return { ...view, coordinator: self.did, ...(view.state === 'running' ? { unsecured: driven.unsecured } : {}) };
}

const RUN_ID = /^[0-9A-Z]{26}$/;

/** The id that a word stands for, here or in the mesh. Throws `RUN_UNKNOWN`; `MESH_UNREACHABLE` if it is none that is known here, and there may be more. */
async function resolveWord(options: MeshRecordsOptions, word: string): Promise<string> {
  const { table, local } = options;
  const known = [...table.all()].filter(({ record }) => record.state !== 'deleted').map(({ record }) => record.run);
  if (word === 'last') {
    const [newest] = await local.list({ limit: 1 });
    const last = [...known, ...(newest === undefined ? [] : [newest.run])].toSorted().at(-1);
    return last ?? (await local.find(word)).run;
  }
  const start = word.toUpperCase();
  const exact = known.find((run) => run === start);
  if (exact !== undefined) return exact;
  if (RUN_ID.test(start) && options.engine.ledger.run(start) !== undefined) return start;
  // It may be so new that nothing of it was told here.
  const found = RUN_ID.test(start) ? await readHeard(options, start) : undefined;
  if (found?.record?.state === 'running') return start;
  const like = start === '' ? [] : known.filter((run) => run.startsWith(start));
  const here = await local.find(word).catch((error: unknown) => {
    if (!isDocketError(error, 'RUN_UNKNOWN')) throw error;
    if (like.length > 0) return undefined;
    const { link, name } = options.mesh;
    const why = found?.error ?? (link.tag === 'down' ? link.error : undefined);
    if (why === undefined) throw new DocketError('RUN_UNKNOWN', `the mesh ${name} knows no run "${word}", and ${error.message}`);
    throw new DocketError('MESH_UNREACHABLE', `${error.message}, and the mesh ${name} cannot be asked: ${why.message}`, { cause: why });
  });
  const all = new Set([...like, ...(here === undefined ? [] : [here.run])]);
  if (all.size > 1) throw new DocketError('RUN_UNKNOWN', `"${word}" is the beginning of several runs: give more of it`);
  return [...all][0]!;
}

async function listAll(
  local: RunRecords,
  table: RunTable,
  isHere: (run: string) => boolean,
  filter: RunFilter,
): Promise<readonly RunView[]> {
  const { limit, state, before = '~' } = filter;
  const isWanted = (view: RunView): boolean => state === undefined || view.state === state;
  const isOurs = (run: string): boolean => table.get(run) === undefined || isHere(run);
  const views: RunView[] = [];
  for (const { record } of table.all())
    if (record.run < before && record.state !== 'deleted' && !isHere(record.run)) {
      const view = viewOfRecord(record);
      if (isWanted(view)) views.push(view);
    }
  // What the mesh says of a run counts more than its row here, so a page of rows may give less than it has.
  for (let from: string | undefined = filter.before, found = 0; found < limit;) {
    const page = await local.list({ ...filter, ...(from === undefined ? {} : { before: from }) });
    const ours = page.filter(({ run }) => isOurs(run));
    views.push(...ours);
    found += ours.length;
    if (page.length < limit) break;
    from = page.at(-1)!.run;
  }
  return views.toSorted((a, b) => (a.run < b.run ? 1 : -1)).slice(0, limit);
}

async function tasksOf(
  options: MeshRecordsOptions,
  record: RunRecord,
  planOfRecord: (record: RunRecord) => Promise<Plan>,
  page: { readonly from: number; readonly limit: number },
): Promise<TaskPage> {
  const plan = await planOfRecord(record);
  return pageOf(plan, record, seenIn(await journaled(options, record.run)), page);
}

async function deleteAnywhere(options: MeshRecordsOptions, run: string, isHere: (run: string) => boolean): Promise<void> {
  const { mesh, engine, local, signal } = options;
  const found = isHere(run) ? undefined : await options.read(run);
  if (found === undefined) return await local.delete(run);
  if (found.record.state === 'running') throw new DocketError('RUN_BUSY', `run ${run} is not over`, { next: 'Cancel it first.' });
  const how = { state: 'deleted', finished: engine.clock.now(), outputs: {} } as const;
  if ((await endRun({ mesh, record: found.record, revision: found.revision, signal }, how)) === undefined)
    throw new DocketError('RUN_BUSY', `run ${run} was taken up at this moment`);
  // Others do the same when they hear of it.
  if (engine.ledger.run(run) !== undefined) await local.delete(run);
}

function unreachable(run: string, why: string, cause?: unknown): DocketError {
  return new DocketError('RUN_UNREACHABLE', `the coordinator of run ${run} cannot be asked: ${why}`, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What stands in the mesh, if it is heard: who looks at a run does not wait for an engine that is away. Undefined: what was heard last has to do. */
async function readNow({ mesh, engine, read }: MeshRecordsOptions, run: string): Promise<KnownRun | undefined> {
  return mesh.link.tag === 'down' ? undefined : await within(engine.clock, PATIENCE, read(run).catch(notHeard));
}

/** What stands in the mesh; `error` if that cannot be asked. */
async function readHeard(
  { mesh, read }: MeshRecordsOptions,
  run: string,
): Promise<{ readonly record?: RunRecord; readonly error?: Error } | undefined> {
  if (mesh.link.tag === 'down') return { error: mesh.link.error };
  return await read(run).catch((error: unknown) => {
    if (isDocketError(error, 'MESH_UNREACHABLE')) return { error };
    throw error;
  });
}

/** What was heard last has to do. */
function notHeard(error: unknown): undefined {
  if (isDocketError(error, 'MESH_UNREACHABLE')) return undefined;
  throw error;
}
