import { DocketError } from '../errors.ts';
import { type Ipld, isMap } from '../ipld/value.ts';
import type { RunTaskRow } from '../ledger/change.ts';
import type { TaskLog } from '../protocol/records.ts';
import type { Engine } from './engine.ts';
import type { Logs } from '../receipt/outcome.ts';
import { failureText } from '../receipt/show.ts';
import { readReceipt, type ReadReceipt } from './read-receipt.ts';

/** What the tasks of a run wrote, as their receipts have it. */

/** Receipts of functions have the function's name there, those of programs the op. */
const PROGRAM = '/run';

/** Of one task. Throws `RECEIPT_UNKNOWN` if it has none. */
export function logOf(engine: Engine, run: string, index: number): TaskLog {
  const row = engine.ledger.runTask(run, index);
  const log = row && read(engine, row);
  if (log !== undefined) return log;
  throw new DocketError('RECEIPT_UNKNOWN', `the task has no receipt in run ${run}, so no logs`, {
    next: '`docket why` says why it did not run.',
  });
}

/** Of every task that wrote anything or failed. */
export function* logsOf(engine: Engine, run: string): Generator<TaskLog> {
  for (const row of engine.ledger.runTasks(run)) {
    const log = read(engine, row);
    if (log !== undefined && !(isEmpty(log.stdout) && isEmpty(log.stderr) && log.failure === null)) yield log;
  }
}

/** It stands in the receipt: of a program in its value, of a function beside it, of a failure in its data. */
function read(engine: Engine, { receipt, label, state, via }: RunTaskRow): TaskLog | undefined {
  const found = receipt === null ? undefined : readReceipt(engine, receipt);
  if (found === undefined) return undefined;
  const { outcome } = found;
  const { stdout, stderr } = streamsOf(found);
  return { label, state, via, stdout, stderr, failure: failureText(outcome) ?? null };
}

function streamsOf({ receipt: { meta }, outcome }: ReadReceipt): Logs {
  if (outcome.tag === 'error') return streamsIn(outcome.failure.data);
  // A function's value may be of any shape; only programs have their streams in it.
  return meta.logs ?? streamsIn(meta.op.endsWith(PROGRAM) ? outcome.value : undefined);
}

function streamsIn(holder: Ipld | undefined): Logs {
  const { stdout = '', stderr = '' } = holder !== undefined && isMap(holder) ? holder : {};
  return { stdout, stderr };
}

function isEmpty(value: Ipld): boolean {
  return (typeof value === 'string' || value instanceof Uint8Array) && value.length === 0;
}
