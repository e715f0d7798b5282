import type { CID } from '../../../ipld/cid.ts';
import type { Engine } from '../../engine.ts';
import { passOver } from './pass-over.ts';
import type { Vault } from './vault.ts';

/**
 * Has what stands behind a link of a run's record here and in the mesh, as far as the disk and the engine take it. Without, the row of the home that drove the run is all
 * that tells it: that is no reason not to say how the run ended.
 */
export async function keepPart(
  { engine, vault }: { readonly engine: Pick<Engine, 'store'>; readonly vault: Vault },
  { run, cid, blob }: { readonly run: string; readonly cid: CID; readonly blob: Uint8Array },
  signal: AbortSignal,
): Promise<void> {
  try {
    await engine.store.put(blob);
    await vault.pin(run, [cid], signal);
    await vault.put(cid, signal);
  } catch (error) {
    passOver(error);
  }
}
