import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Why there are no certificates to test with, or false. */
export const noOpenssl: string | false = spawnSync('openssl', ['version']).error === undefined ? false : 'openssl is not installed';

/** A certificate for this machine that vouches for itself, made anew, and its key. */
export function makeCertificate(folder: string, name: string): { readonly cert: string; readonly key: string } {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    ...subject,
    '-keyout',
    key,
    '-out',
    cert,
  );
  return { cert, key };
}

export function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}
