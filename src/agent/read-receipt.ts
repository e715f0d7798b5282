import type { CID } from '../ipld/cid.ts';
import type { Receipt } from '../receipt/model.ts';
import { outcomeOf } from '../receipt/out.ts';
import type { Outcome } from '../receipt/outcome.ts';
import { decodeAs } from '../receipt/verify.ts';
import type { Engine } from './engine.ts';

export interface ReadReceipt {
  readonly receipt: Receipt;
  readonly outcome: Outcome;
}

/** A receipt of this home; undefined if there is none or its bytes are damaged. */
export function readReceipt(engine: Pick<Engine, 'ledger'>, cid: CID): ReadReceipt | undefined {
  const row = engine.ledger.receipt(cid);
  const receipt = row && decodeAs(cid, row.bytes);
  return receipt && { receipt, outcome: outcomeOf(receipt.out) };
}
