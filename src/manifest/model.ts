/** What names a module and says how it is to be run. */
export interface Manifest {
  readonly namespace: string;
  readonly name: string;
  /** As written: `1`, `1.2.3`. */
  readonly version: string;
  /** Path of the module, relative to the manifest file. */
  readonly binary: string;
  readonly description: string;
  /** Sorted, each once. */
  readonly permissions: readonly Permission[];
  /** Arguments if the caller gives none. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly limits: ManifestLimits;
}

/** In bytes, milliseconds, open files and units of fuel; what is left out has the default. */
export interface ManifestLimits {
  readonly memory?: number;
  readonly time?: number;
  readonly output?: number;
  readonly openFiles?: number;
  readonly fuel?: number;
}

/**
 * What a module asks for; an agent's policy says what it gets. `clock` and `random` are ours, the others Serval's. A `target` of `*` is any.
 */
export type Permission =
  | { readonly kind: 'clock' | 'random' }
  | { readonly kind: 'extension'; readonly target: string }
  | { readonly kind: 'http'; readonly target: string }
  | { readonly kind: 'proc:read'; readonly target: '*' };

/** A manifest's text as kept, and what that says. */
export interface ReadManifest {
  readonly text: string;
  readonly manifest: Manifest;
}
