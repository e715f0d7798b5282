import { type CID, ofValueBytes } from '../ipld/cid.ts';
import { encode } from '../ipld/dag-cbor-encode.ts';
import type { Key } from '../ipld/identity.ts';
import type { Ipld } from '../ipld/value.ts';
import { seal } from './envelope.ts';
import { type Receipt, type ReceiptMeta, toIpld } from './model.ts';
import { outOf } from './out.ts';
import type { Outcome } from './outcome.ts';

interface IssueOptions {
  /** CID of `{task}`. */
  readonly invocation: CID;
  readonly outcome: Outcome;
  readonly meta: ReceiptMeta;
  /** DID of the key that will sign. */
  readonly issuer: string;
  /** Of the task, carried as they are. Default none. */
  readonly prf?: readonly Ipld[];
}

export interface Issued {
  readonly cid: CID;
  readonly receipt: Receipt;
  /** The receipt's DAG-CBOR, what is signed. */
  readonly r: Uint8Array;
}

/** Makes the receipt of an execution. It has its CID now, and can be signed later. Throws `IPLD_INVALID` if the outcome or the meta holds what IPLD cannot. */
export function issue({ invocation, outcome, meta, issuer, prf = [] }: IssueOptions): Issued {
  const receipt: Receipt = { ran: invocation, out: outOf(outcome), meta, iss: issuer, prf };
  const r = encode(toIpld(receipt));
  return { cid: ofValueBytes(r), receipt, r };
}

/** The signed envelope around a receipt's DAG-CBOR: what is stored and sent. */
export async function sign(r: Uint8Array, key: Key): Promise<Uint8Array> {
  return seal({ r, s: await key.sign(r) });
}
