import type { CID } from '../../ipld/cid.ts';
import type { Ipld } from '../../ipld/value.ts';
import type { EndedTask } from '../../protocol/mesh/work.ts';
import { type BlobView, hexOf } from '../../scheduler/blob-view.ts';
import type { Attempt } from './host-attempt.ts';
import { heldBlobs } from './host-blobs.ts';

/** Bytes of small blobs that an end carries; the others are fetched. */
const MOST_CARRIED = 65_536;

/** What is to be told of an attempt that ended. */
export interface Ending {
  /** As signed. */
  readonly receipt: Uint8Array;
  /** What the receipt says came out, and what was written beside it. */
  readonly value: Ipld;
  readonly isHit: boolean;
}

/** How an attempt is told to have ended, with what its result names. `view` sees all that is at rest. */
export function endOf({ task, attempt }: Pick<Attempt, 'task' | 'attempt'>, { receipt, value, isHit }: Ending, view: BlobView): EndedTask {
  const small: Record<string, Uint8Array> = {};
  let room = MOST_CARRIED;
  const sizeOf = (cid: CID): number | undefined => {
    const bytes = view.small(cid);
    if (bytes === undefined || bytes.length > room) return view.sizeHere(cid);
    small[hexOf(cid)] = bytes;
    room -= bytes.length;
    return bytes.length;
  };
  const held = heldBlobs(value, view, sizeOf);
  return { task, attempt, isHit, receipt, small, held };
}
