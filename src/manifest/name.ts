import { DocketError } from '../errors.ts';

/**
 * Names of modules: a namespace of parts joined by dots, then a dot and the name itself, as `sh.serval.loudify`. A part begins and ends with a letter or
 * digit and holds letters, digits, `-` and `_`. Case does not count, nor which of `-` and `_` it is: early Serval turned one into the other.
 */

/** Characters of a full name; it also goes into URLs and file names. */
const LONGEST = 200;
const PART = /^[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?$/;

export const NAME_RULE = 'Parts of a name hold letters, digits, - and _, begin and end with a letter or digit, and are joined by dots.';

/** What is wrong with a full name, or undefined. */
export function nameProblem(full: string): string | undefined {
  const parts = full.split('.');
  if (full.length > LONGEST) return `is longer than ${LONGEST} characters`;
  if (parts.length < 2) return 'has no namespace';
  const wrong = parts.find((part) => !PART.test(part));
  return wrong === undefined ? undefined : wrong === '' ? 'has an empty part' : `has a part that is not allowed: "${wrong}"`;
}

/** As it is shown: lower case. */
export function shownName(namespace: string, name: string): string {
  return `${namespace}.${name}`.toLowerCase();
}

/** As it is looked up: two names are the same if this is. Throws `USAGE` for what cannot be a name. */
export function nameKey(full: string): string {
  const problem = nameProblem(full);
  if (problem !== undefined) throw new DocketError('USAGE', `the name "${full}" ${problem}`, { next: NAME_RULE });
  return folded(full);
}

/** The full name that a name without a dot stands for in a namespace; a version behind an `@` stays. */
export function qualified(name: string, namespace: string): string {
  return name.split('@', 1)[0]!.includes('.') ? name : `${namespace}.${name}`;
}

/** What does not count in a name is made the same. */
export function folded(name: string): string {
  return name.toLowerCase().replaceAll('-', '_');
}
