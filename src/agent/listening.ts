import { BlockList, isIP } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import type { Scope } from '../protocol/rights.ts';
import { DocketError } from '../errors.ts';

/** Where an agent may listen, and by which names it may be called there. */

interface Terms {
  readonly host: string;
  readonly hasTls: boolean;
  /** Whether clear text beyond this machine was asked for by name. */
  readonly insecure: boolean;
  readonly anonymous: readonly Scope[];
}

/** A token in clear text is no protection on a network, and without tokens there is none at all. Throws `LISTEN_FAILED`. */
export function refuseOpenDoor({ host, hasTls, insecure, anonymous }: Terms): void {
  if (isLoopback(host)) return;
  if (anonymous.length > 0)
    throw new DocketError('LISTEN_FAILED', `the agent does not listen on ${host} and let anybody ${anonymous.join(', ')}`, {
      next: 'Leave --anonymous out and give each client a token (`docket token create`), or listen on 127.0.0.1.',
    });
  if (hasTls || insecure) return;
  throw new DocketError('LISTEN_FAILED', `the agent does not listen on ${host}: tokens would cross the network in clear text`, {
    next: 'Give it a certificate with --tls-cert and --tls-key, or --insecure where you trust everybody on the network.',
  });
}

/** Whether only this machine can reach it. A name other than `localhost` may lead anywhere. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const family = isIP(host);
  if (family === 0) return false;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8);
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

/** Whether it stands for every address of this machine. */
export function isEverywhere(host: string): boolean {
  return host === '0.0.0.0' || (isIP(host) === 6 && /^[0:.]+$/.test(host));
}

/** What requests may call an agent that listens there, in lower case and as it stands in the `Host` header. */
export function ownNames(host: string, names: readonly string[]): Set<string> {
  const own = isEverywhere(host) ? [] : [bracketed(host)];
  return new Set(['localhost', '127.0.0.1', '[::1]', ...own, ...names].map((name) => canonical(name.toLowerCase())));
}

/** Where this machine finds it. */
export function localHost(host: string): string {
  if (!isEverywhere(host)) return bracketed(host);
  return host === '0.0.0.0' ? '127.0.0.1' : '[::1]';
}

/** Where other machines may find it: listening everywhere, by the first address of this machine that is not its own alone. */
export function publicHost(host: string): string {
  if (!isEverywhere(host)) return bracketed(host);
  const found = addresses().find(({ internal, family, scopeid }) => !internal && (family === 'IPv4' || (host !== '0.0.0.0' && !scopeid)));
  return found === undefined ? localHost(host) : bracketed(found.address);
}

/** Where other machines may look for an agent that listens there, as plain addresses: listening everywhere, by every address that is not this machine's alone. */
export function publicAddresses(host: string): readonly string[] {
  if (!isEverywhere(host)) return [host];
  const found = addresses().filter(({ internal, family, scopeid }) => !internal && (family === 'IPv4' || (host !== '0.0.0.0' && !scopeid)));
  return found.length === 0 ? [host === '0.0.0.0' ? '127.0.0.1' : '::1'] : found.map(({ address }) => address);
}

/** None where that must not be asked: service managers can forbid it. */
function addresses(): NetworkInterfaceInfo[] {
  try {
    return Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  } catch {
    return [];
  }
}

function bracketed(host: string): string {
  return isIP(host) === 6 ? canonical(`[${host}]`) : host;
}

/** Addresses of version 6 have many spellings; requests with another than this are refused before they come to us. */
function canonical(name: string): string {
  return name.startsWith('[') ? (URL.parse(`http://${name}`)?.hostname ?? name) : name;
}
