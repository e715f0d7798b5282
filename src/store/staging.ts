import { closeSync, fstatSync, ftruncateSync, linkSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isDocketError, systemCode } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { BlobReader } from './blob-reader.ts';
import { blobCid } from './digest.ts';
import { writeFailure } from './failures.ts';
import { hashDescriptor } from './hash-descriptor.ts';
import { contentFolder, contentPath, temporaryFolder } from './paths.ts';
import { temporaryName } from './temporary-name.ts';

/**
 * Synchronous writing for slot processes: a file a guest writes at any position, kept outside of memory, and then
 * adopted into the store.
 *
 * Invariants
 * 1. Nothing here is durable: Node's `--permission` forbids fsync. The coordinator calls `DiskStore.settle` with the
 *    adopted CIDs before it commits the receipt that names them.
 * 2. So an adopted file never replaces a good one, which may be durable and named by a receipt: it is linked, which
 *    fails if the name is taken, and replaces only what was hashed and found damaged.
 * 3. What a dead slot process leaves is removed by `DiskStore.sweep`.
 */

const BUFFER = 1 << 20;
const ATTEMPTS = 3;

/** A file being written. Disposing discards it unless it was adopted. */
export interface Staged extends Disposable {
  readonly size: number;
  /** All of `bytes`, at `position`; a gap before it reads as zeros. `STORE_FULL`, `STORE_UNWRITABLE`. */
  write(bytes: Uint8Array, position: number): void;
  /** The count read, 0 at the end. */
  read(target: Uint8Array, position: number): number;
  /** Cuts or extends with zeros. */
  truncate(size: number): void;
  /** Names the bytes written and moves them into the store; the handle is closed. */
  adopt(): { readonly cid: CID; readonly size: number };
  /** Removes the file; nothing to do after `adopt`. */
  discard(): void;
}

/** Opens an empty staged file in the store at `root`. `STORE_FULL`, `STORE_UNWRITABLE`. */
export function stage(root: string): Staged {
  const path = join(temporaryFolder(root), temporaryName());
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw writeFailure(error, path);
    }
  };
  const fd = attempt(() => openSync(path, 'wx+'));
  let size = 0;
  let open = true;
  const discard = (): void => {
    if (!open) return;
    open = false;
    closeSync(fd);
    attempt(() => unlinkSync(path));
  };
  return {
    get size() {
      return size;
    },
    write(bytes, position) {
      attempt(() => {
        for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
      });
      // Kept here: asking the system at every write of a guest would double the calls.
      size = Math.max(size, bytes.length === 0 ? 0 : position + bytes.length);
    },
    read: (target, position) => attempt(() => readSync(fd, target, 0, target.length, position)),
    truncate(length) {
      attempt(() => ftruncateSync(fd, length));
      size = length;
    },
    adopt() {
      try {
        return attempt(() => {
          const { hex } = hashDescriptor(fd, Buffer.allocUnsafe(BUFFER));
          giveName(root, path, hex);
          return { cid: blobCid(hex), size: Number(fstatSync(fd, { bigint: true }).size) };
        });
      } finally {
        discard();
      }
    },
    discard,
    [Symbol.dispose]: discard,
  };
}

/** Leaves `path` in place where it could; the caller unlinks it. */
function giveName(root: string, path: string, hex: string): void {
  mkdirSync(contentFolder(root, hex), { recursive: true });
  for (let attempt = 1; ; attempt++) {
    try {
      linkSync(path, contentPath(root, hex));
      return;
    } catch (error) {
      // A damaged file that cannot be moved away would be found again and again.
      if (systemCode(error) !== 'EEXIST' || attempt === ATTEMPTS) throw error;
    }
    if (isGood(root, hex)) return;
  }
}

/** A damaged file is out of the way afterwards. */
function isGood(root: string, hex: string): boolean {
  try {
    new BlobReader(root, new Map()).open(blobCid(hex)).close();
    return true;
  } catch (error) {
    if (isDocketError(error, 'BLOB_DAMAGED') || isDocketError(error, 'BLOB_MISSING')) return false;
    throw error;
  }
}
