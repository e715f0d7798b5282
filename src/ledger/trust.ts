import type { RefusalChange, TrustChange } from './change.ts';
import { damaged } from './read-cid.ts';
import type { Reading } from './reading.ts';

/** Reads of whom results are taken from, and of what was refused. */

/** What was said last of an agent. */
export type TrustRow = Omit<TrustChange, 'kind'>;

/** All that was refused of an issuer for one reason, with the last of it. */
export type RefusalRow = Omit<RefusalChange, 'kind'>;

type Columns = [did: string, verdict: string, name: string | null, why: string, at: number, evidence: string];
type RefusalColumns = [issuer: string, reason: string, count: number, message: string, at: number];

/** Throws `LEDGER_DAMAGED`: who is distrusted must not be forgotten in silence. */
export function rows(reading: Reading): TrustRow[] {
  return (reading.all('SELECT did, verdict, name, why, at, evidence FROM trust ORDER BY did') as Columns[]).map(
    ([did, verdict, name, why, at, evidence]) => {
      if (verdict !== 'trusted' && verdict !== 'distrusted') return damaged(`what is thought of ${did} cannot be read`);
      return { did, verdict, name, why, at, evidence: parsed(evidence, did) };
    },
  );
}

export function refusals(reading: Reading, limit: number): RefusalRow[] {
  const found = reading.all('SELECT issuer, reason, count, message, at FROM refusals ORDER BY at DESC, issuer, reason LIMIT ?', limit);
  return (found as RefusalColumns[]).map(([issuer, reason, count, message, at]) => ({ issuer, reason, count, message, at }));
}

function parsed(text: string, did: string): string[] {
  try {
    const list = JSON.parse(text) as unknown;
    if (Array.isArray(list) && list.every((cid) => typeof cid === 'string')) return list;
  } catch {
    // As below.
  }
  return damaged(`the evidence against ${did} cannot be read`);
}
