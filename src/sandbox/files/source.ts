import type { CID } from '../../ipld/cid.ts';

/** What the file system needs of the store: synchronous, verified reads of blobs. */
export interface BlobSource {
  /** Throws `BLOB_MISSING`, `BLOB_DAMAGED`. */
  open(cid: CID): BlobHandle;
}

export interface BlobHandle {
  readonly size: number;
  /** Fills `target` from `position` on; gives how many bytes it read, less than asked only at the end. */
  read(target: Uint8Array, position: number): number;
  close(): void;
}

/** Where content too big for memory lies: temporary files that the store takes over without copying. */
export interface SpillFactory {
  /** Throws `STORE_FULL`, `STORE_UNWRITABLE`. */
  create(): Spill;
}

export interface Spill {
  /** As `BlobHandle.read`. Bytes never written read as zero. */
  read(target: Uint8Array, position: number): number;
  write(source: Uint8Array, position: number): void;
  /** Cuts it, or extends it with zeros. */
  truncate(size: number): void;
  /** Makes a blob of it; nothing else is done with it afterwards. */
  adopt(): { readonly cid: CID; readonly size: number };
  /** Discards it, unless it was adopted. */
  [Symbol.dispose](): void;
}
