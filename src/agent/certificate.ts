import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { DocketError, systemCode } from '../errors.ts';

export interface CertificateFiles {
  /** PEM: the certificate, then those that lead from it to one that clients know. */
  readonly cert: string;
  /** PEM, without a passphrase. */
  readonly key: string;
}

/** A certificate and its key, checked to be fit for a server. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Milliseconds since the epoch. */
  readonly expires: number;
  /** Why clients will not take it at this time, if they will not. */
  readonly warning: string | undefined;
}

/** Others may not read the key, and the group not change it: private keys for services are often `root:ssl-cert` with mode 0640. */
const OPEN_KEY = 0o027;

/** Reads both files. One that has expired is told by `warning` alone: who restarts an agent must not lose it to that. Throws `TLS_INVALID`. */
export function loadCertificate(files: CertificateFiles, now: number): Certificate {
  const cert = read(files.cert, 'certificate');
  const key = read(files.key, 'key', OPEN_KEY);
  const leaf = certificateOf(cert, files.cert);
  if (!leaf.checkPrivateKey(privateKeyOf(key, files.key)))
    throw invalid(`the key in ${files.key} does not belong to the certificate in ${files.cert}`, {
      next: 'The certificate of the server comes first in its file, those that vouch for it behind it.',
    });
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw invalid(`the certificate in ${files.cert} is refused: ${(cause as Error).message}`, { cause });
  }
  const [from, to] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  return { cert, key, expires: to, warning: warningOf(files.cert, from, to, now) };
}

function warningOf(file: string, from: number, to: number, now: number): string | undefined {
  const day = (moment: number): string => new Date(moment).toISOString();
  if (now > to) return `the certificate in ${file} expired at ${day(to)}: clients will refuse it`;
  if (now < from) return `the certificate in ${file} is not valid before ${day(from)}: clients will refuse it`;
  return undefined;
}

function read(path: string, what: string, forbidden = 0): Buffer {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { mode } = fstatSync(file);
    if ((mode & forbidden) !== 0)
      throw invalid(`the ${what} file ${path} is open to others (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`, {
        next: `Its owner alone may read it, or a group at most: chmod 600 ${path}`,
      });
    return readFileSync(file);
  } catch (cause) {
    if (systemCode(cause) === undefined || cause instanceof DocketError) throw cause;
    throw invalid(`the ${what} file ${path} cannot be read: ${(cause as Error).message}`, { cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function certificateOf(pem: Buffer, path: string): X509Certificate {
  try {
    if (!pem.includes('-----BEGIN ')) throw new Error('no PEM');
    return new X509Certificate(pem);
  } catch (cause) {
    throw invalid(`the file ${path} holds no certificate in PEM`, { cause });
  }
}

function privateKeyOf(pem: Buffer, path: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    // Not by the code of the error, which depends on what OpenSSL failed at before.
    if (!/^(?:-----BEGIN|Proc-Type:).*ENCRYPTED/m.test(pem.toString('latin1')))
      throw invalid(`the file ${path} holds no private key in PEM`, { cause });
    throw invalid(`the key in ${path} wants a passphrase`, {
      cause,
      next: `Take it off: openssl pkey -in ${path} -out NEW`,
    });
  }
}

function invalid(message: string, options: { readonly cause?: unknown; readonly next?: string }): DocketError {
  return new DocketError('TLS_INVALID', message, options);
}
