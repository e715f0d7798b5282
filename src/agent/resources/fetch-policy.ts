import { BlockList, isIP, isIPv6 } from 'node:net';
import { DocketError } from '../../errors.ts';

/**
 * From where resources may be fetched. Who writes a workflow chooses its URLs, and whoever runs it may stand where others cannot reach: so a private address
 * is asked for nothing unless its host was named by the one who runs it.
 */
export interface FetchPolicy {
  /** Whether hosts that were not named are asked, where their addresses are public. */
  readonly isPublic: boolean;
  readonly hosts: readonly NamedHost[];
}

/** A host that is trusted with requests, whatever its address; of a name also all names below it. */
export interface NamedHost {
  /** As `URL.hostname` has it. */
  readonly name: string;
  /** Empty: that of the protocol, 443 or 80. */
  readonly port: string;
}

export const FETCH_RULE = 'public, or hosts as HOST or HOST:PORT';

/** `'public'`, a host, or undefined for what is neither. */
export function parseFetch(text: string): 'public' | NamedHost | undefined {
  if (text === 'public') return 'public';
  if (!/^(\[[0-9a-fA-F:.]+\]|[^[\]:/?#@\s\\%*]+)(:\d{1,5})?$/.test(text) || !URL.canParse(`http://${text}`)) return undefined;
  // `URL` drops the port 80, which is not that of every protocol.
  return { name: new URL(`http://${text}`).hostname, port: /:(\d{1,5})$/.exec(text.replace(/^\[.*\]/, ''))?.[1] ?? '' };
}

/** What is fetched from, said one by one; gateways are named by that. */
export function fetchPolicy(said: readonly ('public' | NamedHost)[], gateways: readonly string[]): FetchPolicy {
  const hosts = said.filter((one) => one !== 'public');
  return { isPublic: said.includes('public'), hosts: [...hosts, ...gateways.map((gateway) => hostOf(new URL(gateway)))] };
}

function hostOf({ hostname, port }: URL): NamedHost {
  return { name: hostname, port };
}

export function isNamed({ hosts }: FetchPolicy, { hostname, port, protocol }: URL): boolean {
  const own = protocol === 'https:' ? '443' : '80';
  return hosts.some(
    (host) =>
      (host.port || own) === (port || own) && (host.name === hostname || (isIP(host.name) === 0 && hostname.endsWith(`.${host.name}`))),
  );
}

/** Throws `RESOURCE_REFUSED` for a URL that nothing is fetched from. Of a host that was not named the addresses are still to be looked at: `isPublicAddress`. */
export function checkUrl(policy: FetchPolicy, url: URL): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw refused(`${url.protocol} is not fetched`, 'Give a URL with https:// or http:// that leads nowhere else.');
  if (url.username !== '' || url.password !== '')
    throw refused('a URL with a user in it is not fetched', 'Give a URL that neither has a name and password nor leads to one that has.');
  if (isNamed(policy, url)) return;
  const address = url.hostname.replace(/^\[|\]$/g, '');
  if (!policy.isPublic) throw refused(`nothing is fetched from ${url.host} here`, nameIt(url.host));
  if (isIP(address) !== 0 && !isPublicAddress(address)) throw privateHost(url.host);
}

export function privateHost(host: string): DocketError {
  return refused(`${host} is at a private address, and was not named`, nameIt(host));
}

/** `host`: with the port, unless it is that of the protocol, which is what counts in `isNamed`. */
function nameIt(host: string): string {
  return `Name it with --fetch ${host} if you trust it; docs/resources.md says what may be fetched.`;
}

function refused(message: string, next: string): DocketError {
  return new DocketError('RESOURCE_REFUSED', message, { next });
}

/** Whether an address is one of the open internet: not of this machine, of a network behind it, of a cloud's own services, or one that stands for such a one. */
export function isPublicAddress(address: string): boolean {
  return isIPv6(address)
    ? GLOBAL.check(address, 'ipv6') && !PRIVATE.check(address, 'ipv6')
    : isIP(address) === 4 && !PRIVATE.check(address, 'ipv4');
}

function blockList(subnets: readonly (readonly [net: string, prefix: number])[]): BlockList {
  const list = new BlockList();
  for (const [net, prefix] of subnets) list.addSubnet(net, prefix, isIPv6(net) ? 'ipv6' : 'ipv4');
  return list;
}

/** What IANA gives out of IPv6; all that embeds an IPv4 address lies outside of it, or is listed below. */
const GLOBAL = blockList([['2000::', 3]]);

/** https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry. */
const PRIVATE = blockList([
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]);
