import type { CID } from '../../ipld/cid.ts';
import type { RunTaskRow } from '../../ledger/change.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { outcomeOf } from '../../receipt/out.ts';
import { issuerOf, outAs } from '../../receipt/verify.ts';
import { unkeptReceipt } from '../../scheduler/keeping.ts';
import type { MemoSource } from '../../scheduler/lookup.ts';

/** A run that was driven before, and which of its tasks ended by themselves then, or are held. */
export interface DrivenBefore {
  readonly run: string;
  readonly hasEnded: (task: number) => boolean;
}

/**
 * The results of a home without those of agents that are distrusted: what was taken in before that was known is as good as damaged, so it is computed again and
 * replaced. Who is distrusted is looked up each time, which takes microseconds for a batch: it may change while a run goes on.
 * `before`: the run that looks, whose own rows count. Default: no run.
 */
export function trustedMemo(
  ledger: Pick<Ledger, 'memo' | 'receipt' | 'receiptsOfInstruction' | 'runTask' | 'trust'>,
  before?: DrivenBefore,
): MemoSource {
  const judge = (): ((bytes: Uint8Array) => boolean) => {
    const distrusted = new Set(ledger.trust().flatMap(({ did, verdict }) => (verdict === 'distrusted' ? [did] : [])));
    return (bytes) => distrusted.size === 0 || !distrusted.has(issuerOf(bytes) ?? '');
  };
  return {
    memo(table, keys) {
      const isGood = judge();
      return ledger.memo(table, keys).map((row) => (row?.isIntact === true && !isGood(row.bytes) ? { isIntact: false } : row));
    },
    receiptsOfInstruction: (instruction, limit) => {
      const isGood = judge();
      return ledger.receiptsOfInstruction(instruction, limit).filter(({ bytes }) => isGood(bytes));
    },
    finished(task) {
      // Read when it is asked for: the rows of a run of a million tasks are not kept in memory.
      const row = before?.hasEnded(task) === true ? ledger.runTask(before.run, task) : undefined;
      if (row === undefined || row.key === null) return undefined;
      const receipt = resultOf(ledger, row);
      const filed = receipt && ledger.receipt(receipt);
      return filed !== undefined && judge()(filed.bytes)
        ? { via: row.via, key: row.key, receipt: filed.cid, bytes: filed.bytes }
        : undefined;
    },
  };
}

/** The receipt of what a task gave, also if it does not count yet, or failed only since its output could not be kept. */
export function resultOf(ledger: Pick<Ledger, 'receipt'>, { state, receipt }: Pick<RunTaskRow, 'state' | 'receipt'>): CID | undefined {
  if (receipt === null) return undefined;
  if (state === 'ok' || state === 'held') return receipt;
  const filed = state === 'failed' ? ledger.receipt(receipt) : undefined;
  const out = filed && outAs(filed.cid, filed.bytes);
  const outcome = out && outcomeOf(out);
  return outcome?.tag === 'error' ? unkeptReceipt(outcome.failure) : undefined;
}
