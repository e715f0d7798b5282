import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { publicKeyOf } from '../../src/ipld/did-key.ts';
import { type Failure, Place } from './helpers.ts';

/** PKCS#8 of an Ed25519 key, as openssl writes it; the seed is that of test 1 of RFC 8032. */
const DER = Buffer.from('302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
const PEM = `-----BEGIN PRIVATE KEY-----\n${DER.toString('base64')}\n-----END PRIVATE KEY-----\n`;

interface Identity {
  readonly did: string;
  readonly peer: string;
}

test('a key of one’s own becomes the identity of a new home and signs its receipts', async () => {
  using place = new Place();
  place.write('own.pem', PEM);
  const imported = await place.json<Identity & Record<string, unknown>>('identity', 'import', 'own.pem');
  const { x } = createPublicKey(createPrivateKey(PEM)).export({ format: 'jwk' });
  assert.equal(Buffer.from(publicKeyOf(imported.did)!).toString('base64url'), x);
  assert.match(imported.peer, /^12D3KooW\w{44}$/);
  const file = join(place.home, 'identity.json');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(await place.json('identity'), imported);
  assert.deepEqual(await place.json('identity', 'import', 'own.pem'), imported, 'the same again changes nothing');
  place.write('w.yaml', 'tasks: { t: { module: m.wasm, func: f } }');
  place.write('m.wasm', Buffer.from('0061736d010000000105016000017f03020100070501016600000a06010400412a0b', 'hex'));
  assert.equal(await place.out('run', 'w.yaml'), 't: 42\n');
  const { tasks } = await place.json<{ tasks: [{ receipt: string }] }>('show', 'last');
  const { receipt } = await place.json<{ receipt: { iss: string } }>('receipt', 'show', tasks[0].receipt);
  assert.equal(receipt.iss, imported.did);
});

test('the key of Homestar’s tests has the peer id they assert', async () => {
  using place = new Place();
  const zeros = Buffer.from(DER);
  zeros.fill(0, DER.length - 32);
  place.write('zeros.pem', `-----BEGIN PRIVATE KEY-----\n${zeros.toString('base64')}\n-----END PRIVATE KEY-----\n`);
  const { peer } = await place.json<Identity & Record<string, unknown>>('identity', 'import', 'zeros.pem');
  assert.equal(peer, '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN');
});

test('a home keeps the identity it has', async () => {
  using place = new Place();
  place.write('own.pem', PEM);
  const before = await place.json<Identity & Record<string, unknown>>('identity');
  const file = readFileSync(join(place.home, 'identity.json'), 'utf8');
  const { error } = await place.json<Record<string, unknown> & Failure>('identity', 'import', 'own.pem');
  assert.equal(error.code, 'IDENTITY_TAKEN');
  assert.equal(readFileSync(join(place.home, 'identity.json'), 'utf8'), file);
  assert.deepEqual(await place.json('identity'), before);
});

test('what is no such key is refused, and no home is made of it', async () => {
  using place = new Place();
  const { privateKey } = generateKeyPairSync('x25519');
  const wrong = [
    '',
    'garbage',
    PEM.slice(0, 60),
    PEM.replace('PRIVATE', 'PUBLIC'),
    DER,
    privateKey.export({ type: 'pkcs8', format: 'pem' }),
    createPrivateKey(PEM).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }),
    'x'.repeat(100_000),
  ];
  for (const [i, content] of wrong.entries()) {
    place.write('key.pem', content);
    const { error } = await place.json<Record<string, unknown> & Failure>('identity', 'import', 'key.pem');
    assert.deepEqual([i, error.code], [i, 'KEY_INVALID']);
  }
  for (const path of ['/dev/zero', place.home, place.folder]) {
    const { error } = await place.json<Record<string, unknown> & Failure>('identity', 'import', path);
    assert.match(error.code, path === place.home ? /^INPUT_UNREADABLE$/ : /^KEY_INVALID$/, path);
  }
  const { error } = await place.json<Record<string, unknown> & Failure>('identity', 'import', 'gone.pem');
  assert.equal(error.code, 'INPUT_UNREADABLE');
  assert.equal((await place.docket(['identity', 'import'])).status, 2);
  assert.equal((await place.docket(['identity', 'export'])).status, 2);
  assert.equal(existsSync(place.home), false);
});
