import type { Clock } from '../base/clock.ts';
import type { CID } from '../ipld/cid.ts';
import { blobCid, digestHex } from './digest.ts';
import { isSettled, sameStamp, type FileStamp } from './file-stamp.ts';
import type { Store } from './store.ts';

/** A file's state and the SHA2-256 (lower-case hex) its bytes had. `checkedAt`: when reading them began, milliseconds since the epoch. */
export interface StatRow extends FileStamp {
  readonly digest: string;
  readonly checkedAt: number;
}

/** Where rows are kept: one per (dev, ino). Losing any is harmless. */
export interface StatTable {
  /** The row of each file, in the order asked. */
  get(files: readonly Pick<FileStamp, 'dev' | 'ino'>[]): readonly (StatRow | undefined)[];
  /** Replaces the rows of the same files. */
  put(rows: readonly StatRow[]): Promise<void>;
}

/** Which bytes unchanged input files hold, so that they are not read again. Trusts as git does: see `isSettled`. */
export class StatIndex {
  readonly #table: StatTable;
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(table: StatTable, store: Store, clock: Clock) {
    this.#table = table;
    this.#store = store;
    this.#clock = clock;
  }

  /** The blob each file holds, if it is known for sure and the store still has it. */
  async lookup(stamps: readonly FileStamp[]): Promise<(CID | undefined)[]> {
    const cids = this.#table.get(stamps).map((row, i) => {
      const known = row !== undefined && sameStamp(row, stamps[i] as FileStamp) && isSettled(row, row.checkedAt);
      return known ? blobCid(row.digest) : undefined;
    });
    const absent = await this.#store.missing(cids.filter((cid) => cid !== undefined));
    if (absent.length === 0) return cids;
    const gone = new Set(absent.map(digestHex));
    return cids.map((cid) => (cid === undefined || gone.has(digestHex(cid)) ? undefined : cid));
  }

  /** The moment to give as `checkedAt`, taken before a file is opened. */
  now(): number {
    return this.#clock.now();
  }

  /** Files that changed too shortly before they were read are left out: the next look reads them again. */
  async remember(rows: readonly StatRow[]): Promise<void> {
    const settled = rows.filter((row) => isSettled(row, row.checkedAt));
    if (settled.length > 0) await this.#table.put(settled);
  }
}
