import type { Key } from '../ipld/identity.ts';
import type { Change, ReceiptChange } from '../ledger/change.ts';
import { sign } from '../receipt/issue.ts';

/** A receipt that was issued and not signed yet. */
interface UnsignedReceipt extends Omit<ReceiptChange, 'kind' | 'bytes'> {
  readonly kind: 'unsigned';
  /** Its DAG-CBOR. */
  readonly r: Uint8Array;
}

/**
 * What a run files. Receipts are signed last, on the way to the ledger: their CIDs do not cover the signatures, so nothing but leaving needs them,
 * and other threads make them while the run goes on.
 */
export type Filed = Change | UnsignedReceipt;

/** The same, all receipts signed. */
export async function signAll(filed: readonly Filed[], key: Key): Promise<Change[]> {
  const signed = await Promise.all(filed.filter((change) => change.kind === 'unsigned').map((receipt) => signOne(receipt, key)));
  let next = 0;
  return filed.map((change) => (change.kind === 'unsigned' ? signed[next++]! : change));
}

async function signOne({ r, cid, instruction, invocation, at }: UnsignedReceipt, key: Key): Promise<ReceiptChange> {
  return { kind: 'receipt', cid, instruction, invocation, bytes: await sign(r, key), at };
}
