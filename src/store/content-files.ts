import { lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import { EMPTY_HEX } from './digest.ts';
import { readFailure } from './failures.ts';
import { algorithmFolder, contentPath, hexOf } from './paths.ts';

/**
 * Size of the file that holds a blob, without looking at its bytes. Undefined if there is none, or none that could be
 * it: not a file, or empty where the blob is not (what a power cut leaves of a file that was never fsynced).
 * Synchronous: a stat in the thread pool costs ten times the stat itself.
 */
export function heldSize(root: string, hex: string): number | undefined {
  const path = contentPath(root, hex);
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined || !stats.isFile()) return undefined;
    return stats.size === 0 && hex !== EMPTY_HEX ? undefined : stats.size;
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR') return undefined;
    throw readFailure(error, path);
  }
}

/** Digest of every name in the content folders, sorted, whatever lies under it. Foreign names are passed over. */
export async function* contentFiles(root: string): AsyncGenerator<string> {
  const top = algorithmFolder(root);
  for (const first of await names(top)) {
    for (const second of await names(join(top, first))) {
      for (const rest of await names(join(top, first, second))) {
        const hex = hexOf(first, second, rest);
        if (hex !== undefined) yield hex;
      }
    }
  }
}

async function names(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw readFailure(error, folder);
  }
}
