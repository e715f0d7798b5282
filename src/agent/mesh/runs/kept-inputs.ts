import type { CID } from '../../../ipld/cid.ts';
import { type Elsewhere, hexOf } from '../../../scheduler/blob-view.ts';

/** In the mesh, and of nobody's: how large it is nobody said. */
const KEPT = { size: 0, dids: [] } as const;

/** Beside what members hold, these inputs of a run lie in the objects of the mesh: whoever runs a task that needs one gets it from there. */
export function withKept(elsewhere: Elsewhere, inputs: readonly CID[]): Elsewhere {
  if (inputs.length === 0) return elsewhere;
  const kept = new Set(inputs.map(hexOf));
  return {
    add: (did, blobs) => elsewhere.add(did, blobs),
    of: (cid) => elsewhere.of(cid) ?? (kept.has(hexOf(cid)) ? KEPT : undefined),
    forget(cid) {
      kept.delete(hexOf(cid));
      elsewhere.forget(cid);
    },
  };
}
