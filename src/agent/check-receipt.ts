import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import { decode } from '../ipld/dag-cbor.ts';
import { sha3 } from '../ipld/hash.ts';
import type { Ipld } from '../ipld/value.ts';
import { DocketError, isDocketError } from '../errors.ts';
import * as Receipt from '../receipt/verify.ts';
import * as Tree from '../store/tree.ts';
import type { Engine } from './engine.ts';

/** One thing looked at: what, and what is wrong with it. `absent` is no fault: what a receipt names may have been collected. */
export interface Check {
  readonly what: string;
  readonly state: 'good' | 'bad' | 'absent';
  readonly message?: string;
}

/**
 * Checks a receipt and all it rests on that is still here: its bytes, CID, shape and signature; the key it is filed under, against the
 * key's preimage; every blob of its inputs and outputs, byte by byte. Throws `RECEIPT_UNKNOWN`.
 */
export async function* checkReceipt(engine: Engine, cid: CID): AsyncGenerator<Check> {
  const row = engine.ledger.receipt(cid);
  if (row === undefined) throw new DocketError('RECEIPT_UNKNOWN', `there is no receipt ${cid} in this home`);
  const findings = Receipt.verify(row.bytes, cid);
  for (const { check, message } of findings) yield { what: `receipt: ${check}`, state: 'bad', message };
  if (findings.length > 0) return;
  yield { what: 'receipt: CID, form and signature', state: 'good' };

  const { receipt } = Receipt.decode(row.bytes);
  const { key, instruction, module } = receipt.meta;
  yield agreement('instruction', row.instruction, instruction);
  yield agreement('invocation', row.invocation, receipt.ran);
  const filed = key === undefined ? undefined : engine.ledger.key(key);
  if (filed !== undefined) yield* checkKey(engine, filed.preimage, key!);
  else {
    yield { what: 'key', state: 'absent', message: 'what it was made of is kept for results only' };
    if (module !== undefined) yield* checkBlobs(engine, 'input', module);
  }
  yield* checkBlobs(engine, 'output', receipt.out[1]);
}

/** Where the ledger files a receipt must be what the receipt says. */
function agreement(what: string, filed: CID, said: CID): Check {
  if (said.toString() === filed.toString()) return { what: `ledger: ${what}`, state: 'good' };
  return { what: `ledger: ${what}`, state: 'bad', message: `filed under ${filed}, but is of ${said}` };
}

async function* checkKey(engine: Engine, preimage: Uint8Array, key: Uint8Array): AsyncGenerator<Check> {
  if (Buffer.compare(sha3(preimage), key) !== 0) {
    yield { what: 'key', state: 'bad', message: 'the preimage kept in the ledger does not hash to the key in the receipt' };
    return;
  }
  yield { what: 'key: hash of its preimage', state: 'good' };
  yield* checkBlobs(engine, 'input', decode(preimage));
}

async function* checkBlobs(engine: Engine, role: string, value: Ipld): AsyncGenerator<Check> {
  const seen = new Set<string>();
  const pending = [...Cid.links(value)];
  for (let cid = pending.pop(); cid !== undefined; cid = pending.pop()) {
    const name = cid.toString();
    if (!Cid.isStored(cid) || seen.has(name)) continue;
    seen.add(name);
    const check = await checkBlob(engine, role, cid);
    yield check;
    if (check.state !== 'good' || !Cid.isTree(cid)) continue;
    for (const entry of Object.values(await Tree.read(engine.store, cid, { limit: Number.POSITIVE_INFINITY })))
      if ('cid' in entry) pending.push(entry.cid);
  }
}

async function checkBlob(engine: Engine, role: string, cid: CID): Promise<Check> {
  const what = `${role} ${cid}`;
  try {
    for await (const chunk of engine.store.get(cid)) void chunk;
    return { what, state: 'good' };
  } catch (error) {
    if (isDocketError(error, 'BLOB_MISSING')) return { what, state: 'absent', message: 'not in the store' };
    if (isDocketError(error, 'BLOB_DAMAGED')) return { what, state: 'bad', message: error.message };
    throw error;
  }
}
