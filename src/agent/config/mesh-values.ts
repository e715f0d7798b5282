import { parseDuration, parseSize } from '../../base/units.ts';

/** What settings of a mesh may be. */

export const SERVER_RULE =
  'addresses of nats-server as nats://HOST:4222 or tls://HOST:4222, without user and password (--mesh-login FILE is for these)';
export const MESH_NAME_RULE = 'a name of letters, digits, - and _, at most 64';
const BOUNDED = ['records', 'results', 'journals', 'objects'] as const;
const AGING = ['results', 'journals', 'objects'] as const;

/** Undefined for what is no server. */
export function parseServer(text: string): string | undefined {
  if (!/^(?:nats|tls):\/\/[^/]/.test(text) || !URL.canParse(text)) return undefined;
  const { hostname, username, password, pathname, search, hash } = new URL(text);
  if (hostname === '' || [username, password, search, hash].some((part) => part !== '') || !['', '/'].includes(pathname)) return undefined;
  return text.replace(/\/+$/, '');
}

export function parseMeshName(text: string): string | undefined {
  return /^[A-Za-z0-9_-]{1,64}$/.test(text) ? text : undefined;
}

/** Amounts by name, of the names known. Undefined if anything in it is none. */
function parseAmounts(
  pairs: Readonly<Record<string, string>>,
  names: readonly string[],
  parse: (text: string) => number | undefined,
): Readonly<Record<string, number>> | undefined {
  const entries = Object.entries(pairs).map(([name, text]) => [name, names.includes(name) ? parse(text) : undefined] as const);
  return entries.some(([, amount]) => amount === undefined || amount < 1)
    ? undefined
    : (Object.fromEntries(entries) as Record<string, number>);
}

export const parseBytes = (pairs: Readonly<Record<string, string>>) => parseAmounts(pairs, BOUNDED, parseSize);
export const parseAges = (pairs: Readonly<Record<string, string>>) => parseAmounts(pairs, AGING, parseDuration);
