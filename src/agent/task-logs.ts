import { DocketError } from '../errors.ts';
import { type Ipld, isMap } from '../ipld/value.ts';
import type { RunTaskRow } from '../ledger/change.ts';
import type { TaskLog } from '../protocol/records.ts';
import type { Engine } from './engine.ts';
import { failureText } from '../receipt/show.ts';
import { readReceipt } from './read-receipt.ts';

/** What the tasks of a run wrote, as their receipts have it. */

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

/** It stands in the receipt under the value of a success, or in the data of a failure. */
function read(engine: Engine, { receipt, label, state, via }: RunTaskRow): TaskLog | undefined {
  const outcome = receipt === null ? undefined : readReceipt(engine, receipt)?.outcome;
  if (outcome === undefined) return undefined;
  const holder = outcome.tag === 'ok' ? outcome.value : outcome.failure.data;
  const { stdout = '', stderr = '' } = isMap(holder) ? holder : {};
  return { label, state, via, stdout, stderr, failure: failureText(outcome) ?? null };
}

function isEmpty(value: Ipld): boolean {
  return (typeof value === 'string' || value instanceof Uint8Array) && value.length === 0;
}
