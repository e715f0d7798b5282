import { existsSync, statSync } from 'node:fs';
import { type BlobsAtRest, BlobView, type Elsewhere, hexOf } from '../scheduler/blob-view.ts';
import { contentPath } from '../store/paths.ts';
import type { Engine } from './engine.ts';

/** The blobs of a home for looking at what a run did: reading one that is gone or damaged throws. */
export function blobsOf(engine: Engine): BlobView {
  const reader = engine.reader();
  return new BlobView({
    small: () => undefined,
    has: () => true,
    read: (cid) => reader.readAll(cid),
    alias: (cid) => engine.ledger.alias(cid),
  });
}

/** The blobs of a home for a run, which has to know which of them are here. `elsewhere`: where others are. Default: nowhere. */
export function blobsHere(engine: Engine, elsewhere?: Elsewhere): BlobView {
  return new BlobView(blobsAtRest(engine), elsewhere);
}

/** The same for many views, which read them through one reader: it hashes each file once. */
export function blobsAtRest(engine: Engine): BlobsAtRest {
  const reader = engine.reader();
  return {
    small: (digest) => engine.ledger.small.get(digest),
    has: (cid) => engine.ledger.small.get(hexOf(cid)) !== undefined || existsSync(contentPath(engine.paths.store, hexOf(cid))),
    read: (cid) => reader.readAll(cid),
    size: (cid) => {
      const small = engine.ledger.small.get(hexOf(cid));
      return small?.length ?? statSync(contentPath(engine.paths.store, hexOf(cid)), { throwIfNoEntry: false })?.size;
    },
    alias: (cid) => engine.ledger.alias(cid),
  };
}
