import { nkeys } from '@nats-io/transport-node';

type Pair = ReturnType<typeof nkeys.createUser>;

const seconds = (): number => Math.floor(Date.now() / 1_000);

/** A token as nats-server reads it: https://docs.nats.io/running-a-nats-service/nats_admin/security/jwt. */
function token(issuer: Pair, subject: Pair, name: string, nats: Readonly<Record<string, unknown>>, expires?: number): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { jti: name, iat: seconds(), iss: issuer.getPublicKey(), name, sub: subject.getPublicKey(), nats, exp: expires };
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`;
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`;
}

/** An operator with one account that has JetStream, and users in it whose credentials may expire. */
export class Operator {
  readonly #operator = nkeys.createOperator();
  readonly #account = nkeys.createAccount();
  /** JetStream speaks through it. */
  readonly #system = nkeys.createAccount();

  /** For the configuration of a server. */
  get config(): string {
    const unlimited = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
    const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
    const system = this.#system.getPublicKey();
    const operator = token(this.#operator, this.#operator, 'operator', { type: 'operator', version: 2, system_account: system });
    const account = (subject: Pair, limits: object): string =>
      `${subject.getPublicKey()}: ${token(this.#operator, subject, 'account', { type: 'account', version: 2, limits })}`;
    const accounts = [account(this.#account, { ...unlimited, ...storage }), account(this.#system, unlimited)];
    return `operator: ${operator}\nsystem_account: ${system}\nresolver: MEMORY\nresolver_preload {\n${accounts.join('\n')}\n}`;
  }

  /** A file of credentials. `lifetime`: seconds. */
  credentials(lifetime?: number): string {
    const user = nkeys.createUser();
    const nats = { type: 'user', version: 2, subs: -1, data: -1, payload: -1, pub: {}, sub: {} };
    const jwt = token(this.#account, user, 'user', nats, lifetime === undefined ? undefined : seconds() + lifetime);
    const seed = Buffer.from(user.getSeed()).toString();
    return `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
  }
}
