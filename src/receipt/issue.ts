import { type CID, ofValueBytes } from '../ipld/cid.ts';
import { encodePooled } from '../ipld/dag-cbor-encode.ts';
import type { Key } from '../ipld/identity.ts';
import { seal } from './envelope.ts';
import { type Receipt, type ReceiptMeta, toIpld } from './model.ts';
import { outOf } from './out.ts';
import type { Outcome } from './outcome.ts';

interface IssueOptions {
  /** CID of `{task}`. */
  readonly invocation: CID;
  readonly outcome: Outcome;
  readonly meta: ReceiptMeta;
  readonly key: Key;
}

export interface Issued {
  readonly cid: CID;
  readonly receipt: Receipt;
  /** The signed envelope, what is stored and sent. */
  readonly bytes: Uint8Array;
}

/** Makes the signed receipt of an execution. Throws `IPLD_INVALID` if the outcome or the meta holds what IPLD cannot. */
export function issue({ invocation, outcome, meta, key }: IssueOptions): Issued {
  const receipt: Receipt = { ran: invocation, out: outOf(outcome), meta, iss: key.did, prf: [] };
  const r = encodePooled(toIpld(receipt));
  return { cid: ofValueBytes(r), receipt, bytes: seal({ r, s: key.sign(r) }) };
}
