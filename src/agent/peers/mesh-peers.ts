import type { CID } from '../../ipld/cid.ts';
import type { Finder } from '../../store/holders.ts';

/** Other members of the mesh, as those from whom blobs and names come. */
export interface MeshPeers {
  readonly blobs: Finder;
  /** Those who say that they know it and whose word counts, whoever is to be believed first first. */
  readonly module: (reference: string, signal: AbortSignal) => Promise<readonly Told<ToldModule>[]>;
  readonly alias: (name: CID, signal: AbortSignal) => Promise<readonly Told<{ readonly blob: CID }>[]>;
}

/** What a member, by its DID, says; or why it is not known whether anybody knows. */
export type Told<Said> = { readonly from: string } & (Said | { readonly error: unknown });

export interface ToldModule {
  /** The blob of its manifest. */
  readonly manifest: CID;
  readonly module: CID;
}
