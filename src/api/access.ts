import { hash, timingSafeEqual } from 'node:crypto';
import { DocketError } from '../errors.ts';
import { type Rights, type Scope, SCOPES } from '../protocol/rights.ts';

/** Who may do what at the door of one agent. */
export interface AccessRules {
  /** Gives every right. */
  readonly token: string;
  /** Rights of other tokens by their SHA2-256; undefined for those that are not known, were revoked, or have expired. */
  readonly rightsOf: (hash: Uint8Array) => Rights | undefined;
  /** What may be done without a token. */
  readonly anonymous: readonly Scope[];
  /** Names and addresses by which the agent is called; a web page elsewhere that had its own name lead here would call it by that. */
  readonly hosts: ReadonlySet<string>;
  /**
   * Whether it may be called by whatever address a connection came to: that of one that listens everywhere. No page can lead a name of its own there by
   * calling it by an address. Default false.
   */
  readonly anyAddress?: boolean;
}

/** A name or an address, perhaps with a port. */
const HOST = /^(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d*)?$/;

const EVERYTHING: Rights = { scopes: SCOPES };

/** Throws `UNAUTHORIZED` and `FORBIDDEN`. */
export class Access {
  readonly #rules: AccessRules;
  readonly #anonymous: Rights;
  readonly #digest: Buffer;

  constructor(rules: AccessRules) {
    this.#rules = rules;
    this.#anonymous = { scopes: rules.anonymous };
    this.#digest = hashOf(rules.token);
  }

  /** Refuses requests a web page of somebody else's could have sent. Throws `REQUEST_INVALID` for a host that is none. */
  checkOrigin(host: string | undefined, origin: string | undefined, address: string | undefined): void {
    if (host === undefined || !HOST.test(host))
      throw new DocketError('REQUEST_INVALID', 'the request has no header Host, or one that names no host');
    if (!this.#isOwn(hostName(host), address))
      throw new DocketError('FORBIDDEN', 'the request calls this agent by a name that is not its own', {
        next: 'Call it by the address it listens on, or start it with --host NAME.',
      });
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
      throw new DocketError('FORBIDDEN', 'the request comes from a web page of another site', {
        next: 'Call the agent from a program instead.',
      });
  }

  #isOwn(name: string, address: string | undefined): boolean {
    const { hosts, anyAddress = false } = this.#rules;
    return hosts.has(name) || (anyAddress && address !== undefined && name === addressName(address));
  }

  /** Who asks, for counting: a token that is known, or else an address. */
  clientOf(authorization: string | undefined, address: string | undefined): string {
    const token = tokenOf(authorization);
    const digest = token === undefined ? undefined : hashOf(token);
    if (digest !== undefined && (timingSafeEqual(digest, this.#digest) || this.#rules.rightsOf(digest) !== undefined))
      return digest.toString('hex');
    return networkOf(addressName(address ?? ''));
  }

  /** The rights of who asks, `scope` among them. `forModules`: whether what is asked for may be had with a token for single modules. */
  check(scope: Scope, authorization: string | undefined, forModules: boolean): Rights {
    const token = tokenOf(authorization);
    const rights = token === undefined ? this.#anonymous : this.#rightsOf(token);
    if (rights.modules !== undefined && !forModules)
      throw new DocketError('FORBIDDEN', 'the token is for running single modules, and nothing else', { details: { only: 'modules' } });
    if (!rights.scopes.includes(scope)) {
      if (token === undefined) throw new DocketError('UNAUTHORIZED', 'the request brings no token');
      throw new DocketError('FORBIDDEN', `the token does not have the scope "${scope}"`, { details: { scope } });
    }
    return rights;
  }

  #rightsOf(token: string): Rights {
    const digest = hashOf(token);
    // Hashes are compared, so that how long it takes tells nothing of the token, not even its length.
    if (timingSafeEqual(digest, this.#digest)) return EVERYTHING;
    const rights = this.#rules.rightsOf(digest);
    if (rights === undefined) throw new DocketError('UNAUTHORIZED', 'the token is not known here, was revoked, or has expired');
    return rights;
  }
}

/** A bearer token, or the password of Basic authentication, whoever the user. */
function tokenOf(authorization: string | undefined): string | undefined {
  const [, scheme, value] = /^(\S+) +(\S+)$/.exec(authorization ?? '') ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const pair = Buffer.from(value, 'base64').toString();
  const at = pair.indexOf(':');
  return at < 0 ? undefined : pair.slice(at + 1);
}

export function hashOf(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** The address of a socket as it stands in a `Host` header. */
function addressName(address: string): string {
  const plain = address.replace(/^::ffff:(?=[\d.]+$)/, '').replace(/%.*$/, '');
  return plain.includes(':') ? `[${plain}]` : plain;
}

/** Whoever has one address of version 6 has 2^64 of them. */
function networkOf(name: string): string {
  if (!name.startsWith('[')) return name;
  const [head = '', tail] = name.slice(1, -1).split('::');
  const [before, after] = [head, tail ?? ''].map((groups) => groups.split(':').filter((group) => group !== '')) as [string[], string[]];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}

/** Without the port. */
function hostName(host: string): string {
  return host.replace(/:\d*$/, '').toLowerCase();
}
