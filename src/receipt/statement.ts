import type { CID } from '../ipld/cid.ts';
import { encode } from '../ipld/dag-cbor.ts';
import { type Key, verify } from '../ipld/identity.ts';

/**
 * That a receipt is the result of a declared key. A receipt holds its resolved key, but no declared one: which of these leads to it knows only who resolved what is
 * between them, and whoever takes its word must trust it as much as who issued the receipt. So it is signed, by the agent that coordinated.
 */
export interface Statement {
  /** DID of who says so. */
  readonly by: string;
  /** Ed25519, 64 bytes, over what `signedOf` gives. */
  readonly signature: Uint8Array;
}

/** Tells it from everything else that is signed with the same key: a receipt is a map of other keys. */
const KIND = 'docket/declared';

/** DAG-CBOR of `{by, key, kind, receipt}`. */
function signedOf(by: string, key: Uint8Array, receipt: CID): Uint8Array {
  return encode({ kind: KIND, by, key, receipt });
}

/** `key`: the declared key, 32 bytes. */
export async function state(declared: Uint8Array, receipt: CID, key: Key): Promise<Statement> {
  return { by: key.did, signature: await key.sign(signedOf(key.did, declared, receipt)) };
}

/** Whether this was said, of this key and this receipt, by who is named. */
export function isStated({ by, signature }: Statement, declared: Uint8Array, receipt: CID): boolean {
  return verify(by, signedOf(by, declared, receipt), signature);
}
