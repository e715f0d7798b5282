import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import * as DagJson from '../ipld/dag-json.ts';
import type { Ipld } from '../ipld/value.ts';
import type { ReceiptRow } from '../ledger/results.ts';
import type { RunRow } from '../ledger/runs.ts';
import * as Receipt from '../receipt/verify.ts';
import { resolve } from '../scheduler/inputs.ts';
import type { Plan } from '../workflow/model.ts';
import { toIpld } from '../workflow/promise.ts';
import { blobsOf } from './blobs-of.ts';
import { manifestDamage, tokenDamage } from './check-names.ts';
import { keyProblem, receiptRowProblems, runProblem, taskProblem } from './check-rows.ts';
import type { Damage, Looked } from '../protocol/checks.ts';
import type { Engine } from './engine.ts';
import { givenBy } from './given.ts';
import { planOf } from './plan-of.ts';
import { readReceipt } from './read-receipt.ts';
import { aliasDamage } from './resources/aliases.ts';

/** Rows between two turns of the event loop. */
const PER_TURN = 64;

const NEXT = {
  structure: 'Move the ledger file away, and a new one is begun: blobs stay, results are computed again.',
  blob: 'It was set aside. What a task made is made again when it is wanted, an input is imported again.',
  receipt: 'It is not used any more: its task runs again when it is wanted.',
  readOnly: 'Nothing can be mended where the home cannot be written.',
  row: 'The receipt itself is sound and still found by its keys; `docket why` may overlook it.',
  lost: 'No result is taken from it; the next run of that work replaces it.',
  key: 'Its result is still found; `docket why` may misread what changed.',
  run: 'Running its workflow again takes its results from their receipts, and makes what is gone.',
  task: '`docket show` and `docket why` may misread the run; results do not rest on it.',
} as const;

/**
 * Looks through all that a home keeps: the structure of the ledger, every blob, every receipt with its signature and what it is filed under, the seals
 * of every key, the rows of every run, named modules with what they name, tokens, and other names of blobs. Damaged blobs are set aside; receipts of this home that were damaged are found by no key any more.
 */
export async function* checkHome(engine: Engine, signal: AbortSignal): AsyncGenerator<Looked> {
  // Blobs before the rows that name them: whoever reads a damaged one sets it aside, and it would look like one that is not there.
  for (const part of [structure, blobs, receipts, keys, runs, manifests, tokens, aliases]) {
    let count = 0;
    try {
      for await (const looked of part(engine, signal)) {
        yield looked;
        if (++count % PER_TURN === 0) await nextTurn();
        signal.throwIfAborted();
      }
    } catch (error) {
      // Pages that cannot be read at all; what the next part needs may lie elsewhere.
      if (!isDocketError(error, 'LEDGER_DAMAGED')) throw error;
      yield { kind: 'structure', damage: { name: 'the ledger', problem: error.message, next: NEXT.structure } };
    }
  }
}

async function* structure(engine: Engine): AsyncGenerator<Looked> {
  for (const problem of await engine.ledger.check())
    yield { kind: 'structure', damage: { name: 'the ledger', problem, next: NEXT.structure } };
}

async function* blobs(engine: Engine, signal: AbortSignal): AsyncGenerator<Looked> {
  for await (const { cid, ok } of engine.store.verify({ signal })) yield lookedAtBlob(cid, ok);
}

/** Of these blobs, what is damaged or not there. */
export async function* checkBlobs({ store }: Engine, cids: readonly CID[]): AsyncGenerator<Looked> {
  for (const cid of cids) {
    try {
      for await (const chunk of store.get(cid)) void chunk;
      yield lookedAtBlob(cid, true);
    } catch (error) {
      if (!isDocketError(error, 'BLOB_DAMAGED')) throw error;
      yield lookedAtBlob(cid, false);
    }
  }
}

function lookedAtBlob(cid: CID, isGood: boolean): Looked {
  return isGood
    ? { kind: 'blob' }
    : { kind: 'blob', damage: { name: cid.toString(), problem: 'the stored bytes do not match it', next: NEXT.blob } };
}

async function* receipts(engine: Engine): AsyncGenerator<Looked> {
  for (const { id, row } of engine.ledger.allReceipts()) {
    if (row !== undefined) yield { kind: 'receipt', ...(await receiptDamage(engine, row)) };
    else yield { kind: 'receipt', damage: { name: `receipt in row ${id}`, problem: 'a CID of it cannot be read', next: NEXT.receipt } };
  }
}

async function receiptDamage(engine: Engine, row: ReceiptRow): Promise<{ readonly damage?: Damage }> {
  const name = `receipt ${row.cid}`;
  const findings = Receipt.verify(row.bytes, row.cid);
  if (findings.length > 0) {
    const problem = findings.map(({ check, message }) => `${check}: ${message}`).join('; ');
    return { damage: { name, problem, next: engine.isReadOnly ? NEXT.readOnly : await forgotten(engine, row) } };
  }
  const [problem] = receiptRowProblems(row, Receipt.decode(row.bytes).receipt, engine.did);
  return problem === undefined ? {} : { damage: { name, problem, next: NEXT.row } };
}

/** It is never signed anew: what is on disk may be somebody else's words. */
async function forgotten({ ledger }: Engine, { cid }: ReceiptRow): Promise<string> {
  await ledger.commit([{ kind: 'memo-forget', receipt: cid }]);
  return NEXT.receipt;
}

async function* keys(engine: Engine): AsyncGenerator<Looked> {
  for (const table of ['declared', 'resolved'] as const) {
    for (const row of engine.ledger.allKeys(table)) {
      const problem = keyProblem(row);
      const name = `${table} key ${Buffer.from(row.key).toString('hex')}${row.made === undefined ? '' : ` of task ${row.made.label}`}`;
      yield problem === undefined ? { kind: 'key' } : { kind: 'key', damage: { name, problem, next: row.isIntact ? NEXT.key : NEXT.lost } };
    }
  }
}

async function* runs(engine: Engine): AsyncGenerator<Looked> {
  // Runs of one workflow often follow each other, and its plan may be large.
  let last: ReadPlan | undefined;
  for (const id of engine.ledger.runIds()) {
    const name = `run ${id}`;
    try {
      const run = engine.ledger.run(id)!;
      if (last?.cid !== String(run.plan)) last = { cid: String(run.plan), ...(await readPlan(engine, id)) };
      const problem = last.problem ?? runProblem(run, last.plan) ?? (await outputProblem(engine, run, last.plan));
      yield problem === undefined ? { kind: 'run' } : { kind: 'run', damage: { name, problem, next: NEXT.run } };
      yield* tasks(engine, id, last.plan);
    } catch (error) {
      if (!isDocketError(error, 'LEDGER_DAMAGED')) throw error;
      yield { kind: 'run', damage: { name, problem: error.message, next: NEXT.run } };
    }
  }
}

async function* manifests(engine: Engine): AsyncGenerator<Looked> {
  for (const row of engine.ledger.allManifests()) {
    const damage = await manifestDamage(engine, row);
    yield damage === undefined ? { kind: 'manifest' } : { kind: 'manifest', damage };
  }
}

async function* tokens(engine: Engine): AsyncGenerator<Looked> {
  for (const row of engine.ledger.allTokens()) {
    const damage = tokenDamage(row);
    yield damage === undefined ? { kind: 'token' } : { kind: 'token', damage };
  }
}

async function* aliases(engine: Engine): AsyncGenerator<Looked> {
  for (const row of engine.ledger.allAliases()) {
    const damage = await aliasDamage(engine, row);
    yield damage === undefined ? { kind: 'alias' } : { kind: 'alias', damage };
  }
}

interface ReadPlan {
  readonly cid: string;
  readonly plan?: Plan;
  readonly problem?: string;
}

async function readPlan(engine: Engine, run: string): Promise<Omit<ReadPlan, 'cid'>> {
  try {
    return { plan: await planOf(engine, run) };
  } catch (error) {
    if (isDocketError(error)) return { problem: `its plan cannot be read: ${error.message}` };
    throw error;
  }
}

/** What the run is said to have given, against what its tasks gave. */
async function outputProblem(engine: Engine, { run, outputs }: RunRow, plan: Plan | undefined): Promise<string | undefined> {
  const made = plan === undefined ? () => undefined : outputsMade(engine, run, plan);
  for (const [name, value] of Object.entries(outputs ?? {})) {
    const again = made(name);
    if (again !== undefined && DagJson.encode(again) !== DagJson.encode(value)) return `its output ${name} is not what its tasks gave`;
    const [gone] = await engine.store.missing([...Cid.links(value)].filter(Cid.isStored));
    if (gone !== undefined) return `its output ${name} is gone: ${gone} is not in the store`;
  }
  return undefined;
}

/** Outputs made anew from receipts; undefined where one, or a tree on the way, is gone. */
function outputsMade(engine: Engine, run: string, plan: Plan): (name: string) => Ipld | undefined {
  const given = givenBy(engine, run, plan);
  const view = blobsOf(engine);
  const unnamed = plan.tasks.map(({ label, instruction }) => [label, toIpld({ branch: 'await/ok', instruction, at: '' })] as const);
  const values = new Map(Object.keys(plan.outputs).length > 0 ? Object.entries(plan.outputs) : unnamed);
  return (name) => {
    try {
      const found = resolve(values.get(name) ?? null, given, view);
      return values.has(name) && 'value' in found ? found.value : undefined;
    } catch (error) {
      if (isDocketError(error)) return undefined;
      throw error;
    }
  };
}

async function* tasks(engine: Engine, run: string, plan: Plan | undefined): AsyncGenerator<Looked> {
  for (const row of engine.ledger.runTasks(run)) {
    const receipt = row.receipt === null ? undefined : readReceipt(engine, row.receipt)?.receipt;
    const problem = taskProblem(row, { receipt, planned: plan?.tasks[row.index] });
    const name = `task ${row.label} of run ${run}`;
    yield problem === undefined ? { kind: 'task' } : { kind: 'task', damage: { name, problem, next: NEXT.task } };
  }
}
