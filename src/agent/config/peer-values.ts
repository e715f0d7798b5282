import { isAbsolute } from 'node:path';
import { DocketError } from '../../errors.ts';
import { isLoopback } from '../listening.ts';
import type { PeerAddress } from '../peers/peers.ts';
import { readSecret, type Unusable } from './secret-setting.ts';

/** A peer as it is named in options and config files: `URL`, or `URL=FILE` where the file holds the token, so that no token stands there or shows in `ps`. */
export interface PeerSetting {
  readonly url: string;
  readonly tokenFile: string | undefined;
}

const TOKEN = /^[\x21-\x7e]{1,4096}$/;

export const PEER_RULE = 'addresses as http://HOST:PORT, or http://HOST:PORT=FILE with the absolute path of a file that holds the token';

/** Undefined for what is no peer. */
export function parsePeer(text: string): PeerSetting | undefined {
  const [, address = '', tokenFile] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
  if (!URL.canParse(address) || (tokenFile !== undefined && !isAbsolute(tokenFile))) return undefined;
  const { protocol, username, password, search, hash, href } = new URL(address);
  if ((protocol !== 'http:' && protocol !== 'https:') || [username, password, search, hash].some((part) => part !== '')) return undefined;
  return { url: href.replace(/\/+$/, ''), tokenFile };
}

/** For messages, which go into logs: what stands where a user and a password do is hidden. */
export function withoutSecrets(text: string): string {
  return text.replace(/\/\/[^/]*@/, '//…@');
}

/** With its token. Throws `CONFIG_INVALID` if the file cannot be used, or if the token would cross a network in clear text and that was not asked for. */
export function peerAddress({ url, tokenFile }: PeerSetting, { insecure }: { readonly insecure: boolean }): PeerAddress {
  if (tokenFile === undefined) return { url };
  const { protocol, hostname } = new URL(url);
  if (protocol === 'http:' && !insecure && !isLoopback(hostname.replace(/^\[|\]$/g, '')))
    throw new DocketError('CONFIG_INVALID', `the token for ${url} would cross the network in clear text`, {
      next: 'Name the peer by https://, or say --insecure where you trust everybody on the network.',
    });
  return { url, token: readToken(tokenFile) };
}

function readToken(path: string): string {
  const unusable = unusableAt(path);
  const token = readSecret(path, unusable).trim();
  if (!TOKEN.test(token)) throw unusable('it does not hold a token');
  return token;
}

function unusableAt(path: string): Unusable {
  return (why, cause) =>
    new DocketError('CONFIG_INVALID', `the token file ${path} cannot be used: ${why}`, {
      ...(cause === undefined ? {} : { cause }),
      next: 'It holds one token and nothing else, with mode 0600.',
    });
}
