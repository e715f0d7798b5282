import { DocketError } from '../errors.ts';
import { nameKey } from './name.ts';
import { isVersionSelector } from './version.ts';

/** Which version of a named module is meant. */
export type Selector =
  | { readonly kind: 'latest' }
  /** As given: `1`, `1.2`, `1.2.3`. */
  | { readonly kind: 'version'; readonly version: string }
  /** Of the module or of the manifest, as Subresource Integrity: `sha256-…`. */
  | { readonly kind: 'digest'; readonly sri: string };

/** `NAME[@VERSION|@latest|@sha256-…]`. */
export interface Reference {
  /** As given. */
  readonly name: string;
  /** As it is looked up. */
  readonly key: string;
  readonly selector: Selector;
}

const SRI = /^sha256-[A-Za-z0-9+/]{43}=$/;

/** Throws `USAGE`. */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@');
  const name = at < 0 ? text : text.slice(0, at);
  const key = nameKey(name);
  if (at < 0) return { name, key, selector: { kind: 'latest' } };
  return { name, key, selector: parseSelector(text.slice(at + 1)) };
}

/** Whether this may stand behind the `@`. */
export function isSelector(text: string): boolean {
  return text === 'latest' || SRI.test(text) || isVersionSelector(text);
}

function parseSelector(text: string): Selector {
  if (text === 'latest') return { kind: 'latest' };
  if (SRI.test(text)) return { kind: 'digest', sri: text };
  if (isVersionSelector(text)) return { kind: 'version', version: text };
  throw new DocketError('USAGE', `"@${text}" names no version`, { next: 'Say @1, @1.2, @1.2.3, @latest or @sha256-… .' });
}
