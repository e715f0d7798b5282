import { ofBlob, ofValue } from '../../src/ipld/cid.ts';
import { type Key, keyOf } from '../../src/ipld/identity.ts';
import { float } from '../../src/ipld/value.ts';
import { issue, type Issued, sign } from '../../src/receipt/issue.ts';
import type { ReceiptMeta } from '../../src/receipt/model.ts';
import type { Outcome } from '../../src/receipt/outcome.ts';

export const key: Key = keyOf(new Uint8Array(32).fill(7));

export const invocation = ofValue({ task: 'an invocation' });

export const meta: ReceiptMeta = {
  op: 'wasi/run',
  instruction: ofValue('an instruction'),
  key: new Uint8Array(32).fill(1),
  module: ofBlob(Uint8Array.of(0, 97, 115, 109)),
  started: 1_785_000_000_000,
  usage: { wall: float(12), cpu: float(3.5), memory: 65_536, output: 120 },
  limits: { memory: 1_073_741_824, time: 600_000, output: 1_073_741_824, openFiles: 256 },
  grants: ['clock'],
  agent: key.did,
  attempt: 1,
  docket: '0.1.0',
};

const ok: Outcome = { tag: 'ok', value: { exit: 0, stdout: ofBlob(Uint8Array.of(1)) } };

/** A receipt with its signed bytes. */
export async function issued(outcome: Outcome = ok): Promise<Issued & { readonly bytes: Uint8Array }> {
  const made = issue({ invocation, outcome, meta, issuer: key.did });
  return { ...made, bytes: await sign(made.r, key) };
}
