import type { ManifestLimits } from '../manifest/model.ts';

/** What a caller may do: look, run, change names and blobs, or everything. */
export const SCOPES = ['read', 'run', 'write', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** What a token lets its bearer do. */
export interface Rights {
  readonly scopes: readonly Scope[];
  /** Names of modules as they are looked up. Given, the bearer may run these, and do nothing else. */
  readonly modules?: readonly string[];
  /** What no job of the bearer's may exceed. */
  readonly limits?: ManifestLimits;
}
