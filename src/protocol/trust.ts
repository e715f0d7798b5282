/** Whom a home believes, as it is listed. */

export interface TrustRecords {
  list(): Promise<TrustList>;
  /** Throws `DID_INVALID`, as below. */
  add(did: string, name: string | undefined): Promise<void>;
  remove(did: string): Promise<void>;
}

export interface TrustList {
  /** Those that something was said of, by hand or by what they did. */
  readonly agents: readonly TrustView[];
  /** What was said to be a result and was not used: the latest first. */
  readonly refusals: readonly RefusalView[];
}

export interface TrustView {
  readonly did: string;
  readonly verdict: 'trusted' | 'distrusted';
  /** For people. */
  readonly name: string | null;
  readonly why: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** CIDs of the receipts it was found out by. */
  readonly evidence: readonly string[];
}

export interface RefusalView {
  /** Who was named as the issuer: whoever forged something in a name is another. Null if nobody was, or too many were. */
  readonly issuer: string | null;
  readonly reason: string;
  readonly count: number;
  /** Of the last. */
  readonly message: string;
  /** Of the last, milliseconds since the epoch. */
  readonly at: number;
}
