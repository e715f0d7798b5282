import { isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import type { RawAlias } from '../../ledger/audit.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Damage } from '../../protocol/checks.ts';
import type { AliasRecords } from '../../protocol/records.ts';
import type { Store } from '../../store/store.ts';
import { fileCid } from '../../store/unixfs/file-hash.ts';

/**
 * Blobs by the CIDs that IPFS has for them. Such a name is filed here only for bytes it was checked against: computed over them, or rebuilt from the very blocks
 * it names.
 */

interface Shelf {
  readonly ledger: Ledger;
  readonly store: Store;
}

const NEXT = 'It is not used any more. Store the file again with `docket store put --unixfs`, or let the workflow fetch it.';

export function aliasRecords(engine: Shelf): AliasRecords {
  return { find: async (name) => engine.ledger.alias(name.toV1()), name: (blob) => nameBlob(engine, blob) };
}

/** The name `ipfs add --cid-version 1` gives to a blob, filed. Throws `BLOB_MISSING`, `BLOB_DAMAGED`. */
async function nameBlob({ ledger, store }: Shelf, blob: Cid.CID): Promise<Cid.CID> {
  const alias = await fileCid(store.get(blob));
  // What fits into one chunk has no other name.
  if (Cid.isUnixFs(alias)) await ledger.commit([{ kind: 'alias', alias, blob: Cid.fromSha256(blob.multihash.digest), isPlain: true }]);
  return alias;
}

/** What is wrong with a name; undefined if nothing is. */
export async function aliasDamage({ store }: Shelf, { id, alias, blob, isPlain, isIntact }: RawAlias): Promise<Damage | undefined> {
  if (alias === undefined || blob === undefined) return { name: `alias in row ${id}`, problem: 'a CID of it cannot be read', next: NEXT };
  const name = `alias ${alias}`;
  if (!isIntact) return { name, problem: 'it names another blob than when it was filed', next: NEXT };
  if (!isPlain) return undefined;
  try {
    const again = await fileCid(store.get(blob));
    return again.equals(alias) ? undefined : { name, problem: `the blob it names, ${blob}, is called ${again}`, next: NEXT };
  } catch (error) {
    // Told of as a blob, or collected.
    if (isDocketError(error, 'BLOB_MISSING') || isDocketError(error, 'BLOB_DAMAGED')) return undefined;
    throw error;
  }
}
