import { closeSync, linkSync, lstatSync, openSync, readdirSync, renameSync, rmSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { hashDescriptor } from './hash-descriptor.ts';
import { contentPath, temporaryFolder } from './paths.ts';
import { isAbandoned, temporaryName } from './temporary-name.ts';

/**
 * Damaged content files are moved out of the way and removed.
 *
 * Invariants
 * 1. Only the very file that was seen damaged goes. Between seeing and moving, a put may have renamed a good copy to the
 *    same name; then the good copy is linked back.
 * 2. Being killed in between loses nothing: what is set aside carries its digest in its name, and sweeping puts it back
 *    if its bytes are good.
 */

const ASIDE = /\.aside-([0-9a-f]{64})$/;

/** `damaged`: identity of what was seen, from the descriptor that showed it. Failures are ignored: a read reports the damage, not this. */
export function setAside(root: string, hex: string, damaged: Pick<BigIntStats, 'dev' | 'ino'>): void {
  const aside = join(temporaryFolder(root), `${temporaryName()}.aside-${hex}`);
  try {
    renameSync(contentPath(root, hex), aside);
  } catch {
    return;
  }
  const moved = lstatSync(aside, { bigint: true });
  if (moved.ino !== damaged.ino || moved.dev !== damaged.dev) putBack(aside, contentPath(root, hex));
  rmSync(aside, { recursive: true, force: true });
}

/** Removes what dead processes left in the temporary folder. Nothing to do in a store that cannot be written. */
export function sweep(root: string, now: number): void {
  const folder = temporaryFolder(root);
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    try {
      if (!isAbandoned(name, lstatSync(path).mtimeMs, now)) continue;
      const hex = ASIDE.exec(name)?.[1];
      if (hex !== undefined && hasDigest(path, hex)) putBack(path, contentPath(root, hex));
      rmSync(path, { recursive: true, force: true });
    } catch {
      // Swept by another process meanwhile, or not ours to remove.
    }
  }
}

function putBack(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    // Somebody put it meanwhile: as good.
  }
}

function hasDigest(path: string, hex: string): boolean {
  if (!lstatSync(path).isFile()) return false;
  const fd = openSync(path, 'r');
  try {
    return hashDescriptor(fd, Buffer.allocUnsafe(1 << 20)).hex === hex;
  } finally {
    closeSync(fd);
  }
}
