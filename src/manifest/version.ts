import semver from 'semver';

/**
 * Versions of modules, by https://semver.org, where the minor number and the patch may be left out: `1` is `1.0.0`. Two that differ only in that, or in what
 * stands behind a `+`, are the same version.
 */

const VERSION = /^(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?(?:\.(0|[1-9]\d*))?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
const LONGEST = 100;

/** The version spelled out, as `1.0.0-beta.1`; undefined if the text is none. */
export function canonicalVersion(text: string): string | undefined {
  const [, major, minor = '0', patch = '0', pre = '', build = ''] = (text.length <= LONGEST ? VERSION.exec(text) : null) ?? [];
  return major === undefined ? undefined : (semver.parse(`${major}.${minor}.${patch}${pre}${build}`)?.version ?? undefined);
}

/** The newest first. */
export function newestFirst(canonical: readonly string[]): string[] {
  return semver.rsort([...canonical]);
}

/** Whether what stands behind the `@` of a reference names versions: `1`, `1.2`, `1.2.3`, `1.2.3-beta.1`. */
export function isVersionSelector(text: string): boolean {
  return canonicalVersion(text) !== undefined;
}

/**
 * The newest of these versions that a selector means: `1` is any 1.x.y, `1.2` any 1.2.y, three numbers that version alone; undefined any. Versions
 * with a `-` are meant only where nothing else is, or by their own name.
 */
export function chooseVersion(canonical: readonly string[], selector?: string): string | undefined {
  const newest = newestFirst(canonical);
  const stable = newest.filter((version) => semver.prerelease(version) === null);
  if (selector === undefined) return stable[0] ?? newest[0];
  if (!/^\d+(?:\.\d+)?$/.test(selector)) return newest.find((version) => version === canonicalVersion(selector));
  const isMeant = (version: string): boolean => version.startsWith(`${selector}.`);
  return stable.find(isMeant) ?? newest.find(isMeant);
}
