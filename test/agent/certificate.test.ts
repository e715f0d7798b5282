import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadCertificate } from '../../src/agent/certificate.ts';
import { isDocketError } from '../../src/errors.ts';
import { makeCertificate, noOpenssl, openssl } from '../make-certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'docket-tls-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const DAY = 86_400_000;

let mine: { cert: string; key: string };
before(() => {
  if (noOpenssl === false) mine = makeCertificate(folder, 'mine');
});

function refused(cert: string, key: string, message: RegExp): void {
  assert.throws(
    () => loadCertificate({ cert, key }, Date.now()),
    (error) => isDocketError(error, 'TLS_INVALID') && message.test(error.message),
    `${cert} ${key}`,
  );
}

test('a certificate and its key are taken, also by links and with others behind it', { skip: noOpenssl }, () => {
  const { warning, expires } = loadCertificate(mine, Date.now());
  assert.equal(warning, undefined);
  assert.ok(expires > Date.now() + DAY);
  const other = makeCertificate(folder, 'issuer');
  writeFileSync(at('chain.pem'), `${readFileSync(mine.cert, 'utf8')}${readFileSync(other.cert, 'utf8')}`);
  symlinkSync(mine.key, at('linked.key'));
  assert.ok(loadCertificate({ cert: at('chain.pem'), key: at('linked.key') }, Date.now()).cert.length > 1000);
});

test('one that has expired, or is not valid yet, is told and taken', { skip: noOpenssl }, () => {
  assert.match(loadCertificate(mine, Date.now() + 3 * DAY).warning!, /expired at 20/);
  assert.match(loadCertificate(mine, Date.now() - 3 * DAY).warning!, /not valid before 20/);
});

test('what is no certificate with its key is refused by name', { skip: noOpenssl }, () => {
  const { cert, key } = mine;
  refused(at('none.pem'), key, /certificate file .*none\.pem cannot be read: ENOENT/);
  refused(cert, at('none.key'), /key file .*none\.key cannot be read: ENOENT/);
  mkdirSync(at('folder'), { mode: 0o700 });
  refused(at('folder'), key, /cannot be read: EISDIR/);
  refused(key, key, /mine\.key holds no certificate in PEM/);
  chmodSync(cert, 0o600);
  refused(cert, cert, /mine\.pem holds no private key in PEM/);
  writeFileSync(at('empty'), '', { mode: 0o600 });
  refused(at('empty'), key, /holds no certificate/);
  refused(cert, at('empty'), /holds no private key/);
  openssl('x509', '-in', cert, '-outform', 'DER', '-out', at('der'));
  refused(at('der'), key, /holds no certificate in PEM/);
  const other = makeCertificate(folder, 'other');
  refused(cert, other.key, /other\.key does not belong to the certificate in .*mine\.pem/);
  openssl('pkey', '-in', key, '-aes256', '-passout', 'pass:x', '-out', at('closed.key'));
  chmodSync(at('closed.key'), 0o600);
  refused(cert, at('closed.key'), /wants a passphrase/);
  writeFileSync(at('broken.pem'), readFileSync(cert));
  appendFileSync(at('broken.pem'), '-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n');
  refused(at('broken.pem'), key, /refused/);
});

test('a key that others can read, or a group can change, is refused', { skip: noOpenssl }, () => {
  for (const mode of [0o644, 0o604, 0o660, 0o602]) {
    chmodSync(mine.key, mode);
    refused(mine.cert, mine.key, /open to others \(mode 06/);
  }
  for (const mode of [0o600, 0o400, 0o640]) {
    chmodSync(mine.key, mode);
    loadCertificate(mine, Date.now());
  }
});
