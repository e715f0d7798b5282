import type { CID } from '../ipld/cid.ts';
import type { IpldMap } from '../ipld/value.ts';
import type { ReceiptRow } from '../ledger/results.ts';
import { type Receipt, toIpld } from '../receipt/model.ts';
import { outcomeOf } from '../receipt/out.ts';
import type { Outcome } from '../receipt/outcome.ts';
import { decode, decodeAs } from '../receipt/verify.ts';
import type { Engine } from './engine.ts';

interface ReadReceipt {
  readonly receipt: Receipt;
  readonly outcome: Outcome;
}

/** A receipt of this home; undefined if there is none or its bytes are damaged. */
export function readReceipt(engine: Pick<Engine, 'ledger'>, cid: CID): ReadReceipt | undefined {
  const row = engine.ledger.receipt(cid);
  const receipt = row && decodeAs(cid, row.bytes);
  return receipt && { receipt, outcome: outcomeOf(receipt.out) };
}

/** `message [code]` of a failure, undefined for a success. */
export function failureText(outcome: Outcome): string | undefined {
  return outcome.tag === 'error' ? `${outcome.failure.message} [${outcome.failure.code}]` : undefined;
}

/** A receipt as it is shown: what it says, its name, and who signed. */
export function receiptDocument({ cid, bytes }: Pick<ReceiptRow, 'cid' | 'bytes'>): IpldMap {
  const { receipt, signature } = decode(bytes);
  return { receipt: toIpld(receipt), cid, signature };
}
