import type { CID } from '../ipld/cid.ts';

/**
 * Immutable bytes by SHA2-256. CIDs given here are `raw` (blobs) or `dag-cbor` (trees); both address by digest alone,
 * so a tree's bytes can be read under either.
 */
export interface BlobStat {
  readonly size: number;
}

/** A source that gives the same bytes each time it is read, so that they can be hashed before they are sent anywhere. */
export interface Rereadable extends AsyncIterable<Uint8Array> {
  readonly isRereadable: true;
}

export interface PutOptions {
  /** What the bytes must hash to; `BLOB_MISMATCH` if they do not, and nothing is kept. */
  readonly expect?: CID;
  readonly signal?: AbortSignal;
}

export interface GetOptions {
  /** First byte, default 0. */
  readonly start?: number;
  /** One past the last byte, default the size. */
  readonly end?: number;
  readonly signal?: AbortSignal;
}

export interface Store {
  /** Streams `source` in, durably: when it resolves the bytes survive a power cut. Gives the raw CID and the size. */
  put(source: Uint8Array | AsyncIterable<Uint8Array>, options?: PutOptions): Promise<{ readonly cid: CID; readonly size: number }>;

  /**
   * Streams the bytes out. They are verified *before* the first chunk is given, and never given wrong.
   * `BLOB_MISSING` if absent; `BLOB_DAMAGED` if they do not match (the damaged copy is then gone, so that a later put heals it).
   */
  get(cid: CID, options?: GetOptions): AsyncIterable<Uint8Array>;

  /** The whole of a small blob, verified. `BLOB_MISSING`, `BLOB_DAMAGED`; `limit` (default 64 MiB) guards memory. */
  read(cid: CID, options?: { readonly limit?: number }): Promise<Uint8Array>;

  /** Size, or undefined if absent. Does not verify. */
  stat(cid: CID): Promise<BlobStat | undefined>;

  /** Which of these are absent, in one go. */
  missing(cids: readonly CID[]): Promise<CID[]>;

  /** Every digest held, as raw CIDs. */
  list(): AsyncIterable<{ readonly cid: CID; readonly size: number }>;

  /** Removes it; absent is no error. */
  delete(cid: CID): Promise<void>;

  /** Reads and checks every byte held; damaged blobs are set aside and reported. */
  verify(options?: { readonly signal?: AbortSignal }): AsyncIterable<{ readonly cid: CID; readonly ok: boolean; readonly size: number }>;
}
