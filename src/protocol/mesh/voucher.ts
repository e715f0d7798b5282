import type { CID } from '../../ipld/cid.ts';
import { encode } from '../../ipld/dag-cbor.ts';
import { type Key, verify } from '../../ipld/identity.ts';

/**
 * That a run was accepted, with this plan, from somebody who may give tasks whatever they ask for. Whoever takes it over did not hear who asked, and a record is
 * anybody's word: so the agent that did hear signs it. It is of that run and that plan only, and counts where the agent that signed is believed.
 */
export interface Voucher {
  /** DID of who says so. */
  readonly by: string;
  /** Ed25519, 64 bytes, over what `signedOf` gives. */
  readonly signature: Uint8Array;
}

/** Tells it from everything else that is signed with the same key. */
const KIND = 'docket/vouched';

interface Vouched {
  readonly run: string;
  readonly plan: CID;
}

/** DAG-CBOR of `{by, kind, plan, run}`. */
function signedOf(by: string, run: string, plan: CID): Uint8Array {
  return encode({ kind: KIND, by, run, plan });
}

export async function vouch({ run, plan }: Vouched, key: Key): Promise<Voucher> {
  return { by: key.did, signature: await key.sign(signedOf(key.did, run, plan)) };
}

/** Whether this was said, of this run and this plan, by who is named. */
export function isVouched({ by, signature }: Voucher, { run, plan }: Vouched): boolean {
  return verify(by, signedOf(by, run, plan), signature);
}
