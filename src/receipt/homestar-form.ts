import { type CID, ofValue } from '../ipld/cid.ts';
import type { IpldMap } from '../ipld/value.ts';
import type { Receipt } from './model.ts';

/**
 * A receipt as Homestar 0.3 writes it: `{iss, meta, out, prf, ran}`, with nothing in `meta` but the function, and no issuer, since nobody signs it. What it says
 * is part of what our own receipt says; its CID is the one Homestar gives to the same result.
 */
export function homestarForm({ meta, out, prf, ran }: Receipt): { readonly cid: CID; readonly receipt: IpldMap } {
  const receipt: IpldMap = { iss: null, meta: { op: meta.op }, out, prf, ran };
  return { cid: ofValue(receipt), receipt };
}
