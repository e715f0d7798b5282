import { existsSync } from 'node:fs';
import { BlobView, hexOf } from '../scheduler/blob-view.ts';
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

/** The blobs of a home for a run, which has to know which of them are here. */
export function blobsHere(engine: Engine): BlobView {
  const reader = engine.reader();
  return new BlobView({
    small: (digest) => engine.ledger.small.get(digest),
    has: (cid) => engine.ledger.small.get(hexOf(cid)) !== undefined || existsSync(contentPath(engine.paths.store, hexOf(cid))),
    read: (cid) => reader.readAll(cid),
    alias: (cid) => engine.ledger.alias(cid),
  });
}
