import { formatDuration, formatSize, parseDuration, parseSize } from '../../base/units.ts';

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

/** Bytes: a few runs, and their largest messages. Of less, what is refused or dropped would be the first that comes. */
const LEAST_BYTES = 2 ** 20;
/** Milliseconds. Whoever was away for a moment still finds what happened meanwhile; and a server counts nanoseconds in 63 bits, which are 292 years. */
const [LEAST_AGE, MOST_AGE] = [3_600_000, 36_500 * 86_400_000];
export const SIZES_RULE = `sizes such as results=2GiB, of ${listed(BOUNDED)}, each at least ${formatSize(LEAST_BYTES)}`;
export const AGES_RULE = `durations such as results=90d, of ${listed(AGING)}, each from ${formatDuration(LEAST_AGE)} to ${formatDuration(MOST_AGE)}`;

function listed(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** Amounts by name, of the names known. Undefined if anything in it is none, or out of bounds. */
function parseAmounts(
  pairs: Readonly<Record<string, string>>,
  names: readonly string[],
  parse: (text: string) => number | undefined,
  [least, most]: readonly [number, number],
): Readonly<Record<string, number>> | undefined {
  const entries = Object.entries(pairs).map(([name, text]) => [name, names.includes(name) ? parse(text) : undefined] as const);
  return entries.some(([, amount]) => amount === undefined || amount < least || amount > most)
    ? undefined
    : (Object.fromEntries(entries) as Record<string, number>);
}

export const parseBytes = (pairs: Readonly<Record<string, string>>) =>
  parseAmounts(pairs, BOUNDED, parseSize, [LEAST_BYTES, Number.POSITIVE_INFINITY]);
export const parseAges = (pairs: Readonly<Record<string, string>>) => parseAmounts(pairs, AGING, parseDuration, [LEAST_AGE, MOST_AGE]);
