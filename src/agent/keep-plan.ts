import { hash } from 'node:crypto';
import type { CID } from '../ipld/cid.ts';
import type { Change } from '../ledger/change.ts';
import { blobCid } from '../store/digest.ts';
import { SMALL_BLOB } from '../store/split-store.ts';
import type { Plan } from '../workflow/model.ts';
import { encodePlan } from '../workflow/stored-plan.ts';
import type { Engine } from './engine.ts';

interface KeptPlan {
  readonly plan: CID;
  /** To be committed together with the run that names it, or before. */
  readonly changes: readonly Change[];
}

/** Stores the plan of a run. A small one leaves with the run's row: a transaction of its own would cost a short job a sync of the disk. */
export async function keepPlan({ ledger, store }: Pick<Engine, 'ledger' | 'store'>, plan: Plan): Promise<KeptPlan> {
  const bytes = await smallPlan(plan);
  if (bytes === undefined) return { plan: (await store.put(encodePlan(plan))).cid, changes: [] };
  const digest = hash('sha256', bytes);
  const isKept = ledger.small.get(digest) !== undefined;
  return { plan: blobCid(digest), changes: isKept ? [] : [{ kind: 'small', blobs: new Map([[digest, bytes]]) }] };
}

/** Undefined if it is large. */
async function smallPlan(plan: Plan): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of encodePlan(plan)) {
    pieces.push(piece);
    size += piece.length;
    if (size > SMALL_BLOB) return undefined;
  }
  return Buffer.concat(pieces);
}
