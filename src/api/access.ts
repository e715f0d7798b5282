import { createHash, timingSafeEqual } from 'node:crypto';
import { DocketError } from '../errors.ts';
import type { Scope } from './route.ts';

/** Who may do what at the door of one agent. */
export interface AccessRules {
  /** Gives every right. */
  readonly token: string;
  /** What may be done without a token. */
  readonly anonymous: ReadonlySet<Scope>;
  /** Names and addresses by which the agent is called; a web page elsewhere that had its own name lead here would call it by that. */
  readonly hosts: ReadonlySet<string>;
}

/** Throws `UNAUTHORIZED` and `FORBIDDEN`. */
export class Access {
  readonly #rules: AccessRules;
  readonly #digest: Buffer;

  constructor(rules: AccessRules) {
    this.#rules = rules;
    this.#digest = digestOf(rules.token);
  }

  /** Refuses requests a web page of somebody else's could have sent. */
  checkOrigin(host: string | undefined, origin: string | undefined): void {
    if (host === undefined || !this.#rules.hosts.has(hostName(host)))
      throw new DocketError('FORBIDDEN', 'the request calls this agent by a name that is not its own', {
        next: 'Call it by the address it listens on, or start it with --host NAME.',
      });
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
      throw new DocketError('FORBIDDEN', 'the request comes from a web page of another site', {
        next: 'Call the agent from a program instead.',
      });
  }

  check(scope: Scope, authorization: string | undefined): void {
    const token = tokenOf(authorization);
    if (token === undefined) {
      if (this.#rules.anonymous.has(scope)) return;
      throw new DocketError('UNAUTHORIZED', 'the request brings no token');
    }
    // Both are hashed, so that how long it takes tells nothing of the token, not even its length.
    if (!timingSafeEqual(digestOf(token), this.#digest)) throw new DocketError('UNAUTHORIZED', 'the token is not known here');
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

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Without the port. */
function hostName(host: string): string {
  return host.replace(/:\d*$/, '').toLowerCase();
}
