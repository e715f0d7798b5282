import { readFileSync } from 'node:fs';
import { connect, credsAuthenticator, nkeyAuthenticator, type Authenticator, type NodeConnectionOptions } from '@nats-io/transport-node';
import { DocketError } from '../../errors.ts';
import { deniedBy, type Session } from './session.ts';
import type { NatsCredentials, NatsOptions, NatsTls } from './options.ts';
import { addressText, type ServerAddress } from './server-address.ts';

type Client = ConstructorParameters<typeof Session>[0];

/** Connects and logs in. The files of the credentials are read now. Throws `MESH_DENIED`, `MESH_UNREACHABLE`, `USAGE` for files that cannot be used. */
export async function logIn(address: ServerAddress, options: NatsOptions, patience: number): Promise<Client> {
  const tls = tlsOf(options.tls, address.isTls);
  const { login } = address;
  const connecting: NodeConnectionOptions = {
    servers: addressText(address),
    name: `docket ${options.self}`,
    timeout: patience,
    reconnect: false,
    noAsyncTraces: true,
    ignoreClusterUpdates: true,
    ...(tls === undefined ? {} : { tls }),
    ...(login === undefined ? {} : 'token' in login ? { token: login.token } : { user: login.user, pass: login.password }),
    ...(options.credentials === undefined ? {} : { authenticator: authenticatorOf(options.credentials) }),
  };
  try {
    return await connect(connecting);
  } catch (cause) {
    const isNobody = login === undefined && options.credentials === undefined && options.tls?.cert === undefined;
    throw deniedBy(addressText(address), cause instanceof Error ? cause : new Error(String(cause)), isNobody);
  }
}

/** What such a file has to hold, and where that comes from. */
const HOLDS = {
  creds: [
    'credentials of NATS (JWT and seed)',
    'Name a file as `nsc generate creds` writes it: the JWT of a user and its seed, each between lines of dashes.',
  ],
  nkey: [
    'seed of an nkey (SU…)',
    'Name a file with the seed of a user on a line of its own, as `nk -gen user` writes it: it begins with SU.',
  ],
} as const;

function authenticatorOf({ kind, file }: NatsCredentials): Authenticator {
  const bytes = readGiven(file, 'credentials');
  const authenticator = kind === 'creds' ? credsAuthenticator(bytes) : nkeyAuthenticator(new TextEncoder().encode(seedIn(bytes)));
  try {
    // Read through once: the client takes what it cannot read for a lost connection.
    authenticator('nonce');
  } catch (cause) {
    const [what, next] = HOLDS[kind];
    throw new DocketError('USAGE', `${file} holds no ${what}`, { cause, next });
  }
  return authenticator;
}

/** The line with the seed: such files may have comments. */
function seedIn(bytes: Uint8Array): string {
  const lines = new TextDecoder().decode(bytes).split('\n');
  return (lines.find((line) => line.trim().startsWith('SU')) ?? '').trim();
}

function tlsOf(files: NatsTls | undefined, isNeeded: boolean): NodeConnectionOptions['tls'] | undefined {
  const { ca, cert, key } = files ?? {};
  if (!isNeeded && ca === undefined && cert === undefined && key === undefined) return undefined;
  const text = (file: string): string => new TextDecoder().decode(readGiven(file, 'TLS'));
  return {
    ...(ca === undefined ? {} : { ca: text(ca) }),
    ...(cert === undefined ? {} : { cert: text(cert) }),
    ...(key === undefined ? {} : { key: text(key) }),
  };
}

function readGiven(file: string, what: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new DocketError('USAGE', `the file for ${what} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
