import { encode } from '../../ipld/dag-cbor.ts';
import type { MeshRecord } from '../../mesh/mesh.ts';
import { count, flag, own, readMessage, type Refused, text } from '../../protocol/mesh/message.ts';
import { MESH_VERSION } from '../../protocol/mesh/member.ts';

/** Key of the record that says who sweeps the objects of the mesh. */
export const SWEEP = 'lease.sweep';

export interface SweepRecord {
  /** DID of the member whose turn it is. */
  readonly holder: string;
  /** It deletes a portion of what was not pinned when it said so. */
  readonly isDeleting: boolean;
  /**
   * The time of the mesh, by which pins end, in ms: what its sweepers have seen pass, each by its own monotonic clock. It stands still while nobody sweeps, so it never
   * runs ahead, and no clocks are compared.
   */
  readonly seen: number;
}

export function encodeSweep({ holder, isDeleting, seen }: SweepRecord): Uint8Array {
  return encode({ v: MESH_VERSION, holder, deleting: isDeleting, seen });
}

export function readSweep({ value }: MeshRecord): SweepRecord | Refused {
  return readMessage(value, (parts): SweepRecord => ({
    holder: text(parts, 'holder', 255),
    isDeleting: flag(parts, 'deleting'),
    seen: own(parts, 'seen') === undefined ? 0 : count(parts, 'seen'),
  }));
}

/** As what is refused is counted and told. From whom it is nobody knows. */
export function refusalOf({ refused, problem }: Refused): { readonly reason: string; readonly message: string } {
  return {
    reason: `record ${refused}`,
    message: `the record ${SWEEP} of the mesh cannot be read, and is taken for a free turn: ${problem}`,
  };
}
