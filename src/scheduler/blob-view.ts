import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import * as LargeValue from '../ipld/large-value.ts';
import type { Ipld } from '../ipld/value.ts';
import type { KnownTrees } from '../store/known-trees.ts';
import * as Tree from '../store/tree.ts';

/** Synchronous, verified reading of blobs at rest: small ones by the ledger, large ones by the disk store. */
export interface BlobsAtRest {
  /** Small blob by lower-case hex digest. */
  small(digest: string): Uint8Array | undefined;
  has(cid: CID): boolean;
  /** Throws `BLOB_MISSING` or `BLOB_DAMAGED`. */
  read(cid: CID): Uint8Array;
  /** The blob that a UnixFS CID stands for; undefined if it is not known. */
  alias(cid: CID): CID | undefined;
  /** Bytes of a large blob that is here. Default: not known. */
  size?(cid: CID): number | undefined;
  /** Shared by all views of these. Default: each look at a tree decodes it. */
  readonly trees?: KnownTrees;
}

export interface HeldBlob {
  readonly cid: CID;
  /** Bytes. */
  readonly size: number;
}

/** Who else holds large blobs, as far as it is known. */
export interface Elsewhere {
  add(did: string, blobs: Iterable<HeldBlob>): void;
  /** `dids` empty: it lies in the mesh, and is of no member. */
  of(cid: CID): { readonly size: number; readonly dids: readonly string[] } | undefined;
  /** Nobody gave it when it was asked for. */
  forget(cid: CID): void;
}

const NOWHERE: Elsewhere = { add() {}, of: () => undefined, forget() {} };

/** Lower-case hex of the digest, the name under which small blobs are kept. */
export function hexOf(cid: CID): string {
  return Buffer.from(cid.multihash.digest).toString('hex');
}

/** Blobs as a run sees them: those at rest, and the small ones that came with results not yet committed. */
export class BlobView {
  readonly #rest: BlobsAtRest;
  /** Blobs that are not here may be there. */
  readonly elsewhere: Elsewhere;
  readonly #fresh = new Map<string, Uint8Array>();
  /** Small modules, by CID: each task of a template asks for the same one. */
  readonly #modules = new Map<CID, Uint8Array>();
  #unread: CID | undefined;
  /** Blobs by the UnixFS CIDs that were asked for. */
  readonly #aliases = new Map<string, CID>();

  /** The one read last: tasks that each take a part of one come one after another. */
  #large: { readonly name: string; readonly value: Ipld } | undefined;

  constructor(rest: BlobsAtRest, elsewhere: Elsewhere = NOWHERE) {
    this.#rest = rest;
    this.elsewhere = elsewhere;
  }

  /** What a CID stands for in the store: the blob of a UnixFS CID, if that is known; all others they themselves. */
  standsFor(cid: CID): CID {
    if (!Cid.isUnixFs(cid)) return cid;
    const name = cid.toV1().toString();
    const blob = this.#aliases.get(name) ?? this.#rest.alias(cid.toV1());
    if (blob !== undefined) this.#aliases.set(name, blob);
    return blob ?? cid;
  }

  /** Small blobs of a result on its way to the ledger. */
  add(blobs: ReadonlyMap<string, Uint8Array>): void {
    for (const [digest, bytes] of blobs) this.#fresh.set(digest, bytes);
  }

  /** Now at rest, so no longer held here. */
  forget(blobs: ReadonlyMap<string, Uint8Array>): void {
    for (const digest of blobs.keys()) this.#fresh.delete(digest);
  }

  small(cid: CID): Uint8Array | undefined {
    const digest = hexOf(cid);
    return this.#fresh.get(digest) ?? this.#rest.small(digest);
  }

  /** As `small`, for a module. */
  module(cid: CID): Uint8Array | undefined {
    const known = this.#modules.get(cid);
    if (known !== undefined) return known;
    const bytes = this.small(cid);
    if (bytes !== undefined) this.#modules.set(cid, bytes);
    return bytes;
  }

  has(cid: CID): boolean {
    return this.#fresh.has(hexOf(cid)) || this.#rest.has(cid);
  }

  /** Bytes of a large blob, if it is here. */
  sizeHere(cid: CID): number | undefined {
    return this.#rest.size?.(cid);
  }

  /** Throws `BLOB_MISSING`, `BLOB_DAMAGED`. Which blob that is, `unread` tells. */
  read(cid: CID): Uint8Array {
    this.#unread = cid;
    const bytes = this.#fresh.get(hexOf(cid)) ?? this.#rest.read(cid);
    this.#unread = undefined;
    return bytes;
  }

  /** What could not be read last, if that was so. */
  get unread(): CID | undefined {
    return this.#unread;
  }

  /** Throws `BLOB_MISSING`, `BLOB_DAMAGED`, and `IPLD_INVALID` if it is none. */
  largeValue(cid: CID): Ipld {
    const name = cid.toString();
    if (this.#large?.name !== name) this.#large = { name, value: LargeValue.read(this.read(cid)) };
    return this.#large.value;
  }

  /** Throws `BLOB_MISSING`, `BLOB_DAMAGED`, `TREE_INVALID`; of one that is known it is not looked whether it is there still. */
  tree(cid: CID): Tree.Tree {
    return this.#rest.trees?.of(cid, () => this.read(cid)) ?? Tree.decode(this.read(cid));
  }

  /** The blobs that `value` names and that are not here, trees that are here looked into. */
  *missing(value: Ipld): Generator<CID> {
    for (const cid of Cid.links(value)) {
      if (!Cid.isStored(cid)) continue;
      if (!this.has(cid)) yield cid;
      else if (Cid.isTree(cid))
        for (const entry of Object.values(this.tree(cid))) if ('cid' in entry && !this.has(entry.cid)) yield entry.cid;
    }
  }

  /** The first of them; undefined if all are here. */
  firstMissing(value: Ipld): CID | undefined {
    for (const cid of this.missing(value)) return cid;
    return undefined;
  }
}
