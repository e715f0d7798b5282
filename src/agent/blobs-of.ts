import { BlobView } from '../scheduler/blob-view.ts';
import type { Engine } from './engine.ts';

/** The blobs of a home for looking at what a run did: reading one that is gone or damaged throws. */
export function blobsOf(engine: Engine): BlobView {
  const reader = engine.reader();
  return new BlobView({ small: () => undefined, has: () => true, read: (cid) => reader.readAll(cid) });
}
