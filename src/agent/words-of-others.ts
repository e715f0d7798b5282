import { decodeAs } from '../receipt/verify.ts';
import type { Assenting, Dissenting } from '../protocol/explanation.ts';
import { outcomeOf } from '../receipt/out.ts';
import { failureText } from '../receipt/show.ts';
import { isWord, outputOf } from '../scheduler/words.ts';
import type { CID } from '../ipld/cid.ts';
import type { Engine } from './engine.ts';

/** Receipts that are looked at. */
const MOST = 200;

interface Work {
  readonly instruction: CID;
  readonly key: Uint8Array;
  /** The receipt that counts, and whose it is. */
  readonly own: CID;
  readonly issuer: string | undefined;
  /** It says that they disagree. */
  readonly isDisagreement: boolean;
}

/**
 * What receipts here say of the same work, by its key: that the same came out as in `own`, one for each other agent that says so; or something else, all that
 * say so, and all that say anything if `own` says that they disagree. The newest first.
 */
export function wordsOfOthers(
  { ledger }: Pick<Engine, 'ledger'>,
  work: Work,
): { readonly assents: readonly Assenting[]; readonly dissents: readonly Dissenting[] } {
  const found = ledger.receiptsOfInstruction(work.instruction, MOST).flatMap(({ cid, bytes }) => {
    const receipt = decodeAs(cid, bytes);
    if (receipt?.meta.key === undefined || Buffer.compare(receipt.meta.key, work.key) !== 0) return [];
    const outcome = outcomeOf(receipt.out);
    return isWord(outcome) ? [{ cid, issuer: receipt.iss, outcome, output: outputOf(outcome) }] : [];
  });
  const own = found.find(({ cid }) => cid.equals(work.own))?.output;
  if (own === undefined && !work.isDisagreement) return { assents: [], dissents: [] };
  const assents = new Map<string, Assenting>();
  const dissents: Dissenting[] = [];
  for (const { cid: receipt, issuer, outcome, output } of found)
    if (output !== own) dissents.push({ receipt, issuer, failure: failureText(outcome) });
    else if (issuer !== work.issuer && !assents.has(issuer)) assents.set(issuer, { receipt, issuer });
  return { assents: [...assents.values()], dissents };
}
