import type { Mesh } from '../../mesh/mesh.ts';

/** The other members that are present, as far as blobs and names are looked for at them. */
export interface Neighbors {
  /** DIDs. */
  all(): readonly string[];
  has(did: string): boolean;
  /** Whether it says that it has a door. */
  hasDoor(did: string): boolean;
}

/** What looking for something at other members takes. */
export interface Surroundings {
  readonly mesh: Pick<Mesh, 'self' | 'name' | 'messages' | 'objects'>;
  readonly neighbors: Neighbors;
}
