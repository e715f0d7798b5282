import { isIP } from 'node:net';
import { z } from 'zod';
import { didYouMean } from '../../base/suggest.ts';
import { parseDuration, parseSize } from '../../base/units.ts';
import { parsePermission, PERMISSION_RULE } from '../../manifest/permission.ts';
import { SCOPES } from '../../protocol/rights.ts';
import { parseAgree } from '../../workflow/agree.ts';
import { isTagName, isTagValue, LONGEST_TAG } from '../../workflow/needs.ts';
import { allOps } from '../op-policy.ts';
import { FETCH_RULE, parseFetch } from '../resources/fetch-policy.ts';
import { GATEWAY_RULE, parseGateway } from '../resources/places.ts';
import { AGES_RULE, MESH_NAME_RULE, parseAges, parseBytes, parseMeshName, parseServer, SERVER_RULE, SIZES_RULE } from './mesh-values.ts';
import { TRUST_MODES } from '../trust/trust.ts';
import { parsePeer, PEER_RULE, withoutSecrets } from './peer-values.ts';

/** What settings may be. A message goes on after the name of the setting: `slots takes …`. */

const told = (rule: string, value: unknown): string => `takes ${rule}, not ${JSON.stringify(value)}`;
const wrong = (rule: string) => ({ error: ({ input }: { readonly input?: unknown }) => told(rule, input) });

/** A text that `read` makes something of; undefined is none. */
function textOf<T>(rule: string, read: (text: string) => T | undefined) {
  return z.string(wrong(rule)).transform((text, context): T => {
    const value = read(text);
    if (value !== undefined) return value;
    context.addIssue(told(rule, text));
    return z.NEVER;
  });
}

/** Texts of a known few, or of which `read` makes something. */
function listOf<T>(
  rule: string,
  read: (text: string) => T | undefined,
  known: readonly string[] = [],
  shown = (text: string): string => text,
) {
  return z.array(z.string(wrong(rule)), wrong(rule)).transform((texts, context): T[] => {
    const values = texts.map(read);
    const at = values.indexOf(undefined);
    if (at < 0) return values as T[];
    context.addIssue(`${told(rule, shown(texts[at]!))}${didYouMean(texts[at]!, known)}`);
    return z.NEVER;
  });
}

const oneOf = <T extends string>(known: readonly T[]) =>
  listOf(`some of ${known.join(', ')}`, (text) => known.find((name) => name === text), known);

export const Flag = z.boolean(wrong('true or false'));
export const Path = z.string(wrong('a path')).min(1, 'takes a path, not ""');
export const Count = z
  .int(wrong('a whole number of at least 1'))
  .min(1, wrong('a whole number of at least 1'))
  .max(999_999, wrong('at most 999999'));
export const Port = z
  .int(wrong('the number of a port'))
  .min(0, wrong('the number of a port'))
  .max(65_535, wrong('the number of a port, at most 65535'));
export const Duration = textOf('a duration such as "30s"', parseDuration);
export const Scopes = oneOf(SCOPES);
export const Ops = oneOf(allOps()).refine((ops) => ops.length > 0, 'takes at least one op');
export const Permissions = listOf('permissions such as clock, random', parsePermission).describe(PERMISSION_RULE);
/** Named once each: who is believed first is said by their order. */
export const PeerSettings = listOf(PEER_RULE, parsePeer, [], withoutSecrets).refine(
  (peers) => new Set(peers.map(({ url }) => url)).size === peers.length,
  'has a peer twice',
);
export const Gateways = listOf(GATEWAY_RULE, parseGateway, [], withoutSecrets);
export const FetchHosts = listOf(FETCH_RULE, parseFetch, ['public']);
export const Size = textOf('a size of at least 1 byte such as "64MiB"', (text) => parseSize(text) || undefined);
export const HostNames = listOf('names without a port, such as docket.example', (text) => (isHostName(text) ? text : undefined));

/** As the header `Origin` has it. */
export const Origins = listOf('origins such as https://example.org, or *', (text) =>
  text === '*' || /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i.test(text) ? text.toLowerCase() : undefined,
);

export const Listen = textOf('HOST:PORT, such as 127.0.0.1:8100', (text) => {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6) ? undefined : { host, port };
});

export const Tags = z
  .record(z.string(), z.string(wrong('texts as values of tags')), wrong('tags: names and their values'))
  .superRefine((tags, context) => {
    for (const [name, value] of Object.entries(tags)) {
      if (!isTagName(name)) context.addIssue(told('names of small letters, digits and . _ / -', name));
      if (!isTagValue(value))
        context.addIssue(told(`values of at most ${LONGEST_TAG} characters without commas and control characters`, value));
    }
  });

function isHostName(text: string): boolean {
  return /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,252})$/.test(text) || (/^\[.*\]$/.test(text) && isIP(text.slice(1, -1)) === 6);
}

export const Text = z.string(wrong('a text')).min(1, told('a text', ''));

export const Servers = listOf(SERVER_RULE, parseServer, [], withoutSecrets);
export const MeshName = textOf(MESH_NAME_RULE, parseMeshName);
export const Replicas = z.int(wrong('1, 3 or 5')).refine((count) => [1, 3, 5].includes(count), wrong('1, 3 or 5'));
/** A name or an address, without a port. */
export const Hosts = listOf('names or addresses of this machine without a port', (text) =>
  isHostName(text) || isIP(text) !== 0 ? text : undefined,
);

/** Amounts by what is kept. */
function amountsOf(rule: string, parse: (pairs: Readonly<Record<string, string>>) => Readonly<Record<string, number>> | undefined) {
  return z.record(z.string(), z.string(wrong(rule)), wrong(rule)).transform((pairs, context) => {
    const amounts = parse(pairs);
    if (amounts !== undefined) return amounts;
    context.addIssue(told(rule, pairs));
    return z.NEVER;
  });
}

export const MeshSizes = amountsOf(SIZES_RULE, parseBytes);
export const MeshAges = amountsOf(AGES_RULE, parseAges);

export const Trusting = textOf(`one of ${TRUST_MODES.join(', ')}`, (text) => TRUST_MODES.find((mode) => mode === text));
export const Agreeing = textOf('two numbers such as 2/3, the first more than half of the second', parseAgree);
/** From 0 to 1. */
export const Share = textOf('a share such as 1%', (text) => {
  const found = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text);
  const share = found === null ? Number.NaN : Number(found[1]) / 100;
  return share <= 1 ? share : undefined;
});
