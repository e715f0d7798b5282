import { encode } from '../../ipld/dag-cbor.ts';
import type { MeshRecord } from '../../mesh/mesh.ts';
import { count, flag, own, readMessage, text } from '../../protocol/mesh/message.ts';
import { MESH_VERSION } from '../../protocol/mesh/member.ts';

/** Key of the record that says who sweeps the objects of the mesh. */
export const SWEEP = 'lease.sweep';

export interface SweepRecord {
  /** DID of the member whose turn it is; undefined if the record cannot be read. */
  readonly holder: string | undefined;
  /** It deletes a portion of what was not pinned when it said so. */
  readonly isDeleting: boolean;
  /**
   * The time of the mesh, by which pins end, in ms: what its sweepers have seen pass, each by its own monotonic clock. It stands still while nobody sweeps, so it never
   * runs ahead, and no clocks are compared.
   */
  readonly seen: number;
}

export function encodeSweep({ holder, isDeleting, seen }: SweepRecord & { readonly holder: string }): Uint8Array {
  return encode({ v: MESH_VERSION, holder, deleting: isDeleting, seen });
}

/** What cannot be read is of a newer Docket, or nobody's: nothing is known of what it does. */
export function readSweep({ value }: MeshRecord): SweepRecord {
  const read = readMessage(value, (parts): SweepRecord => ({
    holder: text(parts, 'holder', 255),
    isDeleting: flag(parts, 'deleting'),
    seen: own(parts, 'seen') === undefined ? 0 : count(parts, 'seen'),
  }));
  return 'refused' in read ? { holder: undefined, isDeleting: true, seen: 0 } : read;
}
