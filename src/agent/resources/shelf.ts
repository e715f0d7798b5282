import * as Cid from '../../ipld/cid.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Store } from '../../store/store.ts';
import type { Fetched } from './fetch-file.ts';

/** Where what is fetched is put. */
export interface ResourceShelf {
  readonly store: Store;
  /** The blob known by a UnixFS CID. */
  readonly find: (name: Cid.CID) => Promise<Cid.CID | undefined>;
  /** Makes a blob known by that name, which was checked. */
  readonly file: (name: Cid.CID, fetched: Fetched) => Promise<void>;
}

/** Gets what is not here. Throws `RESOURCE_…`, `BLOB_TOO_LARGE`, and what the store throws. */
export interface ResourceSource {
  /** The blob that `rsc` stands for; undefined if it is not here and there is nobody to be asked. */
  readonly get: (rsc: string) => Promise<Cid.CID | undefined>;
  /** What `rsc` names; undefined if that is not known here and there is nobody to be asked. */
  readonly lead: (rsc: string) => Promise<Cid.CID | undefined>;
  /** Gets what a CID names, and what a tree among it names. */
  readonly bring: (cid: Cid.CID) => Promise<void>;
}

interface Shelf {
  readonly ledger: Ledger;
  readonly store: Store;
}

/** Where what is fetched for a home is put. */
export function shelfOf({ ledger, store }: Shelf): ResourceShelf {
  return {
    store,
    find: async (name) => ledger.alias(name.toV1()),
    file: async (name, { blob, isPlain }) => void (await ledger.commit([{ kind: 'alias', alias: name.toV1(), blob, isPlain }])),
  };
}

/** What `cid` stands for in the store: of a UnixFS CID the blob, if that is known; of others they themselves. */
export function standsFor({ ledger }: Pick<Shelf, 'ledger'>, cid: Cid.CID): Cid.CID {
  return Cid.isUnixFs(cid) ? (ledger.alias(cid.toV1()) ?? cid) : cid;
}
