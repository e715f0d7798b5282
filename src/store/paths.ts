import { join } from 'node:path';

/**
 * The only file that knows the store's layout, which is that of npm's cacache:
 * `<root>/content-v2/sha256/ab/cd/<the other 60 hex digits>`. The version stands in the folder's name, so that another
 * layout could not collide with this one.
 */

const HEX = /^[0-9a-f]{64}$/;

export function contentPath(root: string, hex: string): string {
  return join(contentFolder(root, hex), hex.slice(4));
}

/** The folder that holds the blob's name. */
export function contentFolder(root: string, hex: string): string {
  return join(algorithmFolder(root), hex.slice(0, 2), hex.slice(2, 4));
}

export function algorithmFolder(root: string): string {
  return join(root, 'content-v2', 'sha256');
}

/** The folders whose entries lead to the blob, innermost first: each needs an fsync before the blob's name is durable. */
export function foldersOf(root: string, hex: string): readonly [string, string, string] {
  return [contentFolder(root, hex), join(algorithmFolder(root), hex.slice(0, 2)), algorithmFolder(root)];
}

/** Everything that is being written lies here, on the same file system as the content. */
export function temporaryFolder(root: string): string {
  return join(root, 'tmp');
}

/** The digest a path under `algorithmFolder` stands for, or undefined for a foreign file. */
export function hexOf(first: string, second: string, rest: string): string | undefined {
  const hex = first + second + rest;
  return first.length === 2 && second.length === 2 && HEX.test(hex) ? hex : undefined;
}
