import type { Ledger } from '../../ledger/ledger.ts';
import { issuerOf } from '../../receipt/verify.ts';
import type { MemoSource } from '../../scheduler/lookup.ts';

/**
 * The results of a home without those of agents that are distrusted: what was taken in before that was known is as good as damaged, so it is computed again and
 * replaced. Who is distrusted is looked up each time, which takes microseconds for a batch: it may change while a run goes on.
 */
export function trustedMemo(ledger: Pick<Ledger, 'memo' | 'receiptsOfInstruction' | 'trust'>): MemoSource {
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
  };
}
