/** What commands of one home tell each other of the work they do, named by its resolved key. */
export interface WorkClaims {
  /** A moment, for `hasChanged`. */
  now(): number;
  /** Whether others may have let go of this work since then, having filed its result. */
  hasChanged(key: Uint8Array, since: number): boolean;
  /** Claims work that is about to be done; for each, whether it is ours. What is not is not claimed. */
  take(keys: readonly Uint8Array[]): boolean[];
  /** The work is done and its result filed, or none will come. */
  drop(keys: readonly Uint8Array[]): void;
  /** For each, whether somebody else who lives claims it now. */
  areTaken(keys: readonly Uint8Array[]): boolean[];
}
