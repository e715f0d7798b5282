/** Paths inside a guest, as in `files` and `outputs`. */

export const PATH_RULE = 'Paths inside a task are relative to the folder it starts in, and have no empty, "." or ".." parts.';

/** What is wrong with a path, or undefined. A `/` at the end is up to the caller. */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.startsWith('/')) return 'is absolute';
  if (path.includes('\0')) return 'holds a NUL character';
  if (path.length > 4096) return 'is longer than 4096 characters';
  for (const part of path.split('/')) {
    if (part === '') return 'has an empty part';
    if (part === '.' || part === '..') return `has a "${part}" part`;
  }
  return undefined;
}

/** Where the items of a list stand that is mounted under `path`, which ends with a slash: `parts/0000`, `parts/0001`, …. */
export function listedPaths(path: string, length: number): string[] {
  return Array.from({ length }, (_, i) => `${path}${String(i).padStart(4, '0')}`);
}

/** The first path that clashes with an earlier one, as `[path, earlier]`: the same, or one below the other where that is a file. */
export function findClash(paths: readonly { readonly path: string; readonly isFile: boolean }[]): readonly [string, string] | undefined {
  const seen = new Map<string, boolean>();
  const parents = new Map<string, string>();
  for (const { path, isFile } of paths) {
    if (seen.has(path)) return [path, path];
    const below = parents.get(path);
    if (isFile && below !== undefined) return [below, path];
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const parent = path.slice(0, slash);
      if (seen.get(parent) === true) return [path, parent];
      if (!parents.has(parent)) parents.set(parent, path);
    }
    seen.set(path, isFile);
  }
  return undefined;
}
