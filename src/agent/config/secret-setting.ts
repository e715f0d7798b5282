import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import type { DocketError } from '../../errors.ts';

/** Far above any credential, so that a wrong path does not fill the memory. */
const MOST = 16_384;

/** Of what is wrong with the file, as in "it is no file". */
export type Unusable = (why: string, cause?: unknown) => DocketError;

/** What stands in a file that a setting names because it is secret. Links are followed, as secrets are mounted so. Throws what `unusable` makes. */
export function readSecret(path: string, unusable: Unusable): string {
  let file: number;
  try {
    // Not to wait for a writer if it is a pipe.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw unusable((cause as Error).message, cause);
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw unusable('it is no file');
    if (isOpenToOthers(stats, process.getuid?.() ?? 0)) throw unusable('others may read or write it');
    if (stats.size > MOST) throw unusable('it is far too large');
    return readFileSync(file, 'latin1');
  } finally {
    closeSync(file);
  }
}

/**
 * Others may do nothing with it, and its group neither; but a file of root's that somebody else is to read may be readable for a group. Credentials that systemd hands
 * to a service (`LoadCredential=`) look so where an access list lets its user in: 0440, the group standing for the list.
 */
export function isOpenToOthers({ mode, uid }: { readonly mode: number; readonly uid: number }, self: number): boolean {
  return (mode & (uid === 0 && self !== 0 ? 0o037 : 0o077)) !== 0;
}
