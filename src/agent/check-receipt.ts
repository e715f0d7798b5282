import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import { decode } from '../ipld/dag-cbor.ts';
import type { Ipld } from '../ipld/value.ts';
import { DocketError, isDocketError } from '../errors.ts';
import type * as Model from '../receipt/model.ts';
import * as Receipt from '../receipt/verify.ts';
import * as Tree from '../store/tree.ts';
import type { Plan, PlannedTask } from '../workflow/model.ts';
import { isSameCid, keyProblem, preimageProblem, receiptRowProblems, taskProblem } from './check-rows.ts';
import type { Check } from '../protocol/checks.ts';
import type { Engine } from './engine.ts';
import { planOf } from './plan-of.ts';

/**
 * Checks a receipt and all it rests on that is still here: its bytes, CID, form and signature; what it is filed under, against what it says; the CIDs
 * of its instruction and invocation, made anew from the plan of a run that has the task; its keys, against what they were made of; every blob of its
 * inputs and outputs, byte by byte. Throws `RECEIPT_UNKNOWN`, and `LEDGER_DAMAGED` if its row cannot be read.
 */
export async function* checkReceipt(engine: Engine, cid: CID): AsyncGenerator<Check> {
  const row = engine.ledger.receipt(cid);
  if (row === undefined) throw new DocketError('RECEIPT_UNKNOWN', `there is no receipt ${cid} in this home`);
  const findings = Receipt.verify(row.bytes, cid);
  for (const { check, message } of findings) yield { what: `receipt: ${check}`, state: 'bad', message };
  if (findings.length > 0) return;
  yield { what: 'receipt: CID, form and signature', state: 'good' };

  const { receipt } = Receipt.decode(row.bytes);
  if (receipt.prf.length > 0)
    yield {
      what: 'proofs',
      state: 'unchecked',
      message: `UCAN proofs the task brought: ${receipt.prf.length}. They are signed for with the rest, and were not evaluated`,
    };
  yield* verdict('row: instruction, invocation and time', receiptRowProblems(row, receipt, engine.did));
  yield* checkTasks(engine, cid, receipt);
  yield* checkKeys(engine, cid, receipt);
  yield* checkBlobs(engine, 'output', receipt.out[1]);
  if (receipt.meta.logs !== undefined) yield* checkBlobs(engine, 'log', { ...receipt.meta.logs });
}

function* verdict(what: string, problems: Iterable<string>): Generator<Check> {
  let good = true;
  for (const message of problems) {
    good = false;
    yield { what, state: 'bad', message };
  }
  if (good) yield { what, state: 'good' };
}

/** Runs that are looked at for the task a receipt is of. */
const MOST_RUNS = 8;

/** The rows of runs that name it; and the task itself, from the first of these runs that ran it and whose plan is here. */
async function* checkTasks(engine: Engine, cid: CID, receipt: Model.Receipt): AsyncGenerator<Check> {
  let isMade = false;
  for (const { run, index } of engine.ledger.tasksOfReceipt(cid, MOST_RUNS)) {
    const row = engine.ledger.runTask(run, index)!;
    const problem = taskProblem(row, { receipt, planned: undefined });
    if (problem !== undefined) yield { what: `run ${run}: row of task ${row.label}`, state: 'bad', message: problem };
    if (isMade || row.via !== 'ran') continue;
    const plan = await planIfThere(engine, run);
    if ('check' in plan) {
      if (plan.check !== undefined) yield plan.check;
      continue;
    }
    isMade = true;
    yield* checkTask(plan.plan.tasks[index], receipt, `task ${row.label} of run ${run}`);
  }
  if (!isMade)
    yield {
      what: 'instruction and invocation',
      state: 'absent',
      message: 'no run whose plan is here ran the task, so they cannot be made anew',
    };
}

/** A plan holds tasks, not their CIDs: these were made from what it holds when it was read. */
function* checkTask(task: PlannedTask | undefined, { ran, meta }: Model.Receipt, of: string): Generator<Check> {
  if (task === undefined) return yield { what: of, state: 'bad', message: 'the plan has no such task' };
  const made = { instruction: [task.instruction, meta.instruction], invocation: [task.invocation, ran] } as const;
  for (const [what, [found, said]] of Object.entries(made))
    yield* verdict(`${what}: CID made anew from ${of}`, isSameCid(found, said) ? [] : [`it is ${found}, the receipt says ${said}`]);
}

async function planIfThere(engine: Engine, run: string): Promise<{ readonly plan: Plan } | { readonly check: Check | undefined }> {
  try {
    return { plan: await planOf(engine, run) };
  } catch (error) {
    if (isDocketError(error, 'BLOB_MISSING') || isDocketError(error, 'RUN_UNKNOWN')) return { check: undefined };
    if (!isDocketError(error)) throw error;
    return { check: { what: `run ${run}: plan`, state: 'bad', message: error.message } };
  }
}

/** Every key it is filed under, and the inputs that the resolved key was made of. */
async function* checkKeys(engine: Engine, cid: CID, receipt: Model.Receipt): AsyncGenerator<Check> {
  const { key, module } = receipt.meta;
  let inputs: Uint8Array | undefined;
  for (const row of engine.ledger.keysOfReceipt(cid)) {
    const problem = keyProblem(row) ?? (row.made && preimageProblem(row.made.preimage, receipt));
    const what = row.table === 'declared' ? 'declared key: its seal' : 'key: its seal, what it was made of, and the digest of the output';
    yield* verdict(what, problem === undefined ? [] : [problem]);
    if (problem === undefined) inputs ??= row.made?.preimage;
  }
  if (inputs !== undefined) return yield* checkBlobs(engine, 'input', decode(inputs));
  const [led] = key === undefined ? [] : engine.ledger.memo('resolved', [key]);
  if (led?.isIntact === false)
    yield { what: 'key', state: 'bad', message: 'the row of its key leads to another receipt, with a seal that does not fit' };
  else
    yield {
      what: 'key',
      state: 'absent',
      message: led === undefined ? 'what it was made of is kept for results only' : `another result is filed under it: ${led.receipt}`,
    };
  if (module !== undefined) yield* checkBlobs(engine, 'input', module);
}

async function* checkBlobs(engine: Engine, role: string, value: Ipld): AsyncGenerator<Check> {
  const seen = new Set<string>();
  const pending = [...Cid.links(value)];
  for (let cid = pending.pop(); cid !== undefined; cid = pending.pop()) {
    const name = cid.toString();
    if (!Cid.isStored(cid) || seen.has(name)) continue;
    seen.add(name);
    const check = await checkBlob(engine, role, cid);
    yield check;
    if (check.state !== 'good' || !Cid.isTree(cid)) continue;
    for (const entry of Object.values(await Tree.read(engine.store, cid, { limit: Number.POSITIVE_INFINITY })))
      if ('cid' in entry) pending.push(entry.cid);
  }
}

async function checkBlob(engine: Engine, role: string, cid: CID): Promise<Check> {
  const what = `${role} ${cid}`;
  try {
    for await (const chunk of engine.store.get(cid)) void chunk;
    return { what, state: 'good' };
  } catch (error) {
    if (isDocketError(error, 'BLOB_MISSING')) return { what, state: 'absent', message: 'not in the store' };
    if (isDocketError(error, 'BLOB_DAMAGED')) return { what, state: 'bad', message: error.message };
    throw error;
  }
}
