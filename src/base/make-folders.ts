import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it; true if it was not there. For paths that users name: Node's own recursive `mkdir` never returns where a
 * folder cannot be made although the one above it exists, as in `/proc/x` (measured with Node 26.10). Throws system errors.
 */
export function makeFolders(path: string, mode = 0o777): boolean {
  try {
    return makeOne(path, mode);
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === path) throw error;
    makeFolders(above, mode);
    return makeOne(path, mode);
  }
}

/** Somebody else may make it at the same time. */
function makeOne(path: string, mode: number): boolean {
  try {
    mkdirSync(path, mode);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && statSync(path).isDirectory()) return false;
    throw error;
  }
}
