import { DocketError } from '../../errors.ts';

/** Where a nats-server is to be reached, and as whom. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly login: { readonly user: string; readonly password: string } | { readonly token: string } | undefined;
}

const DEFAULT_PORT = 4222;

/** Throws `USAGE`; the message holds no password. */
export function parseServer(text: string): ServerAddress {
  const url = URL.parse(text.includes('://') ? text : `nats://${text}`);
  const shown = text.replace(/\/\/.*@/, '//…@');
  if (url === null || url.hostname === '') throw invalid(shown, 'it has to be like nats://host:4222');
  if (url.protocol !== 'nats:' && url.protocol !== 'tls:') throw invalid(shown, 'it has to begin with nats:// or tls://');
  if ((url.pathname !== '' && url.pathname !== '/') || url.search !== '' || url.hash !== '')
    throw invalid(shown, 'nothing goes behind the port');
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    isTls: url.protocol === 'tls:',
    login: loginOf(url, shown),
  };
}

/** For people, and for the client. */
export function addressText({ host, port }: Pick<ServerAddress, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function loginOf({ username, password }: URL, shown: string): ServerAddress['login'] {
  if (username === '' && password === '') return undefined;
  try {
    const user = decodeURIComponent(username);
    return password === '' ? { token: user } : { user, password: decodeURIComponent(password) };
  } catch (cause) {
    throw invalid(shown, 'user or password has a bad % in it', cause);
  }
}

function invalid(shown: string, why: string, cause?: unknown): DocketError {
  return new DocketError('USAGE', `"${shown}" is no address of a nats-server: ${why}`, { cause });
}
