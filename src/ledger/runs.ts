import { isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { decode } from '../ipld/dag-cbor.ts';
import type { Ipld } from '../ipld/value.ts';
import type { RunTaskRow, TaskVia } from './change.ts';
import type { RunCounts, RunState, TaskStand } from '../workflow/run-state.ts';
import { damaged, readCid } from './read-cid.ts';
import type { Reading } from './reading.ts';

/** Reads of runs and their tasks. */

export interface RunRow {
  readonly run: string;
  readonly name: string;
  readonly workflow: CID;
  readonly plan: CID | null;
  readonly options: unknown;
  /** `running` also stands there when the process that drove it was killed: whether it lives, its lock tells. */
  readonly state: RunState;
  readonly created: number;
  readonly finished: number | null;
  /** Of a run that goes on or was cut off only `total` says something. Null if it was made by a Docket that did not know. */
  readonly counts: RunCounts | null;
  readonly outputs: Readonly<Record<string, Ipld>> | null;
}

/** How many tasks ended in the same way. */
export interface RunTally {
  readonly state: TaskStand;
  readonly via: TaskVia | null;
  readonly count: number;
}

type RunColumns = [
  run: string,
  name: string,
  workflow: Uint8Array,
  plan: Uint8Array | null,
  options: string,
  state: RunState,
  created: number,
  finished: number | null,
  counts: string | null,
  outputs: Uint8Array | null,
];
type TaskColumns = [
  index: number,
  label: string,
  instruction: Uint8Array,
  state: TaskStand,
  via: TaskVia | null,
  receipt: Uint8Array | null,
  key: Uint8Array | null,
  attempts: number,
  cause: number | null,
];

const RUN = 'SELECT run, name, workflow, plan, options, state, created, finished, counts, outputs FROM runs';
const TASK = `SELECT t.task, t.label, t.instruction, t.state, t.via, r.cid, t.key, t.attempts, t.cause
  FROM run_tasks t LEFT JOIN receipts r ON r.id = t.receipt WHERE t.run = (SELECT id FROM runs WHERE run = ?)`;

/** Rows read at a time: a read held open would keep the write-ahead log from beginning anew. */
const PAGE = 1_000;

export function run(reading: Reading, id: string): RunRow | undefined {
  const row = reading.get(`${RUN} WHERE run = ?`, id) as RunColumns | undefined;
  return row && runRow(row);
}

export interface Submitted {
  readonly run: string;
  /** Of all that was submitted. */
  readonly digest: string;
}

/** What was submitted with this idempotency key. */
export function submission(reading: Reading, key: string): Submitted | undefined {
  const row = reading.get('SELECT run, digest FROM submissions WHERE key = ?', key) as [string, string] | undefined;
  return row && { run: row[0], digest: row[1] };
}

export interface RunFilter {
  readonly limit: number;
  readonly state?: RunState;
  /** Only runs whose id sorts before this one. */
  readonly before?: string;
  /** Only those whose options say that they are a job. */
  readonly isJob?: boolean;
}

/** Newest first; a run whose row is damaged is left out, or none could be listed any more. */
export function runs(reading: Reading, { limit, state, before, isJob }: RunFilter): RunRow[] {
  const rows = reading.all(
    `${RUN} WHERE (?1 IS NULL OR state = ?1) AND run < ?2 AND (?4 = 0 OR CASE WHEN json_valid(options) THEN json_extract(options, '$.job') = 1 ELSE 0 END) ORDER BY run DESC LIMIT ?3`,
    state ?? null,
    before ?? AFTER_ALL,
    limit,
    isJob === true ? 1 : 0,
  ) as RunColumns[];
  return rows.flatMap((row) => {
    try {
      return [runRow(row)];
    } catch (error) {
      if (isDocketError(error, 'LEDGER_DAMAGED')) return [];
      throw error;
    }
  });
}

/** The ids of all runs, oldest first, those with damaged rows too. */
export function runIds(reading: Reading): string[] {
  return (reading.all('SELECT run FROM runs ORDER BY run') as [string][]).map(([id]) => id);
}

/** Sorts after every ULID, whose digits end at Z. */
const AFTER_ALL = '~';

/** Runs whose id begins with `prefix`, in any case: newest first, at most `limit`. */
export function runsWithPrefix(reading: Reading, prefix: string, limit: number): RunRow[] {
  const from = prefix.toUpperCase();
  return (reading.all(`${RUN} WHERE run >= ? AND run < ? ORDER BY run DESC LIMIT ?`, from, from + AFTER_ALL, limit) as RunColumns[]).map(
    runRow,
  );
}

/** In the order of the plan, read page by page as the caller goes on. */
export function* runTasks(reading: Reading, id: string): Generator<RunTaskRow> {
  let after = -1;
  for (;;) {
    const page = reading.all(`${TASK} AND t.task > ? ORDER BY t.task LIMIT ${PAGE}`, id, after) as TaskColumns[];
    for (const row of page) yield taskRow(row);
    if (page.length < PAGE) return;
    after = page[page.length - 1]![0];
  }
}

export function runTask(reading: Reading, id: string, index: number): RunTaskRow | undefined {
  const row = reading.get(`${TASK} AND t.task = ?`, id, index) as TaskColumns | undefined;
  return row && taskRow(row);
}

export function runTally(reading: Reading, id: string): RunTally[] {
  return (
    reading.all('SELECT state, via, count(*) FROM run_tasks WHERE run = (SELECT id FROM runs WHERE run = ?) GROUP BY state, via', id) as [
      TaskStand,
      TaskVia | null,
      number,
    ][]
  ).map(([state, via, count]) => ({ state, via, count }));
}

function runRow([id, name, workflow, plan, options, state, created, finished, counts, outputs]: RunColumns): RunRow {
  const of = `of run ${id}`;
  return {
    run: id,
    name,
    workflow: readCid(workflow, `the workflow ${of}`),
    plan: plan && readCid(plan, `the plan ${of}`),
    options: readJson(options, `options ${of}`),
    state,
    created,
    finished,
    counts: counts === null ? null : (readJson(counts, `counts ${of}`) as RunCounts),
    outputs: outputs && readOutputs(outputs, of),
  };
}

function taskRow([index, label, instruction, state, via, receipt, key, attempts, cause]: TaskColumns): RunTaskRow {
  const of = `of task ${label}`;
  const name = receipt && readCid(receipt, `the receipt ${of}`);
  return { index, label, instruction: readCid(instruction, `the instruction ${of}`), state, via, receipt: name, key, attempts, cause };
}

function readJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return damaged(`the ${what} are not JSON`);
  }
}

function readOutputs(bytes: Uint8Array, of: string): Readonly<Record<string, Ipld>> {
  try {
    return decode(bytes) as Readonly<Record<string, Ipld>>;
  } catch {
    return damaged(`the outputs ${of} are not DAG-CBOR`);
  }
}
