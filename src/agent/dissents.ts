import { decodeAs } from '../receipt/verify.ts';
import type { Dissenting } from '../protocol/explanation.ts';
import { outcomeOf } from '../receipt/out.ts';
import { failureText } from '../receipt/show.ts';
import { isWord, outputOf } from '../scheduler/agreements.ts';
import type { CID } from '../ipld/cid.ts';
import type { Engine } from './engine.ts';

/** Receipts that are looked at. */
const MOST = 200;

/** Receipts here of the same work, by its key, that say something else came out than `own`; all that say anything if that says that they disagree. The newest first. */
export function dissentsOf(
  { ledger }: Pick<Engine, 'ledger'>,
  work: { readonly instruction: CID; readonly key: Uint8Array; readonly own: CID; readonly isDisagreement: boolean },
): Dissenting[] {
  const found = ledger.receiptsOfInstruction(work.instruction, MOST).flatMap(({ cid, bytes }) => {
    const receipt = decodeAs(cid, bytes);
    if (receipt?.meta.key === undefined || Buffer.compare(receipt.meta.key, work.key) !== 0) return [];
    const outcome = outcomeOf(receipt.out);
    return isWord(outcome) ? [{ cid, issuer: receipt.iss, outcome, output: outputOf(outcome) }] : [];
  });
  const own = found.find(({ cid }) => cid.equals(work.own))?.output;
  if (own === undefined && !work.isDisagreement) return [];
  return found
    .filter(({ output }) => output !== own)
    .map(({ cid, issuer, outcome }) => ({ receipt: cid, issuer, failure: failureText(outcome) }));
}
