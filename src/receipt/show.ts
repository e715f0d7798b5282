import type { CID } from '../ipld/cid.ts';
import type { IpldMap } from '../ipld/value.ts';
import { toIpld } from './model.ts';
import type { Outcome } from './outcome.ts';
import { decode } from './verify.ts';

/** `message [code]` of a failure, undefined for a success. */
export function failureText(outcome: Outcome): string | undefined {
  return outcome.tag === 'error' ? `${outcome.failure.message} [${outcome.failure.code}]` : undefined;
}

/** A receipt as it is shown: what it says, its name, and who signed. */
export function receiptDocument(cid: CID, bytes: Uint8Array): IpldMap {
  const { receipt, signature } = decode(bytes);
  return { receipt: toIpld(receipt), cid, signature };
}
