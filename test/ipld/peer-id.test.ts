import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base58btc } from 'multiformats/bases/base58';
import { didOf } from '../../src/ipld/did-key.ts';
import { peerIdOf } from '../../src/ipld/peer-id.ts';

/** Of a key in Homestar's fixtures (`__testkey_ed25519.pem`). */
const KNOWN = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';

test('the peer id of a key is what libp2p makes of it', () => {
  const key = base58btc.baseDecode(KNOWN).slice(-32);
  assert.equal(peerIdOf(didOf(key)), KNOWN);
  for (const did of ['', 'did:key:z', 'did:web:example.org']) assert.equal(peerIdOf(did), undefined);
});
