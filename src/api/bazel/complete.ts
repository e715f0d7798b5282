import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDocketError } from '../../errors.ts';
import { blobCid, EMPTY_HEX } from '../../store/digest.ts';
import type { Store } from '../../store/store.ts';
import { type Digest, type Named, namedByActionResult, namedByDirectory, namedByTree } from './action-result.ts';
import { MessageInvalid } from './message.ts';

/** Blobs looked for between two turns of the loop. */
const LOOKS_PER_TURN = 128;
/** A listing that cannot be read is as good as none. */
const LOST = ['BLOB_MISSING', 'BLOB_DAMAGED', 'BLOB_TOO_LARGE'] as const;
/** Bytes of one message that lists a directory. */
const MOST_LISTING = 64 * 2 ** 20;

/**
 * Whether everything an `ActionResult` names is in the store, with the sizes it says, through all directories: a client that was told of a hit and finds a
 * blob missing may fail its build. Bytes are not hashed here, but whenever they are read. Throws the signal's reason.
 */
export async function isComplete(store: Store, entry: Uint8Array, signal: AbortSignal): Promise<boolean> {
  const seen = new Set<string>();
  const pending: Named[] = [];
  const isHere = async ({ hash, size }: Digest): Promise<boolean> => {
    if (seen.has(nameOf({ hash, size }))) return true;
    seen.add(nameOf({ hash, size }));
    if (seen.size % LOOKS_PER_TURN === 0) {
      await nextTurn();
      signal.throwIfAborted();
    }
    return hash === EMPTY_HEX ? size === 0 : (await store.stat(blobCid(hash)))?.size === size;
  };
  const open = async (listing: Digest, read: (message: Uint8Array) => Named): Promise<boolean> => {
    const isKnown = seen.has(nameOf(listing));
    if (!(await isHere(listing))) return false;
    if (!isKnown && listing.hash !== EMPTY_HEX) pending.push(read(await store.read(blobCid(listing.hash), { limit: MOST_LISTING })));
    return true;
  };
  try {
    pending.push(namedByActionResult(entry));
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const blob of next.blobs) if (!(await isHere(blob))) return false;
      for (const tree of next.trees) if (!(await open(tree, namedByTree))) return false;
      for (const directory of next.directories) if (!(await open(directory, namedByDirectory))) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof MessageInvalid || LOST.some((code) => isDocketError(error, code))) return false;
    throw error;
  }
}

/** One that is named a second time may lie the second time. */
function nameOf({ hash, size }: Digest): string {
  return `${hash}/${size}`;
}
