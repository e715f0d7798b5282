import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { base58btc } from 'multiformats/bases/base58';
import { didOf, publicKeyOf } from '../../src/ipld/did-key.ts';
import { generateSeed, keyOf, rememberingVerifiers, verify } from '../../src/ipld/identity.ts';
import { signer, verifierOf } from '../../src/ipld/signature.ts';
import { hex } from './helpers.ts';

const DID = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp';

suite('identity', () => {
  test('signs as RFC 8032 has it (7.1, tests 1 and 3)', async () => {
    const vectors = [
      {
        seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
        publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
        message: '',
        signature:
          'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
      },
      {
        seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
        publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
        message: 'af82',
        signature:
          '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
      },
    ];
    for (const { seed, publicKey, message, signature } of vectors) {
      const { publicKey: made, sign } = signer(hex(seed));
      assert.equal(made.toHex(), publicKey);
      assert.equal((await sign(hex(message))).toHex(), signature);
      assert(verifierOf(made)(hex(message), hex(signature)));
    }
  });

  test('a DID is that of the did:key method (its test vector for the zero seed)', () => {
    assert.equal(keyOf(new Uint8Array(32)).did, DID);
    assert.deepEqual(publicKeyOf(DID), signer(new Uint8Array(32)).publicKey);
    assert.equal(didOf(publicKeyOf(DID) ?? new Uint8Array()), DID);
  });

  test('a key verifies its own signatures and no others', async () => {
    const key = keyOf(generateSeed());
    const bytes = Uint8Array.of(1, 2, 3);
    const signature = await key.sign(bytes);
    assert.equal(signature.length, 64);
    assert(verify(key.did, bytes, signature));
    assert(!verify(key.did, Uint8Array.of(1, 2, 4), signature));
    assert(!verify(DID, bytes, signature));
    assert(!verify(key.did, bytes, signature.subarray(1)));
    assert(!verify(key.did, bytes, Uint8Array.from([...signature, 0])));
    assert(!verify(key.did, bytes, new Uint8Array(64)));
    assert.notEqual(keyOf(generateSeed()).did, key.did);
  });

  test('whatever is malformed verifies nothing', async () => {
    const key = keyOf(new Uint8Array(32));
    const signature = await key.sign(new Uint8Array(3));
    const secp256k1 = `did:key:${base58btc.encode(Uint8Array.from([0xe7, 0x01, 2, ...new Uint8Array(32).fill(5)]))}`;
    const short = `did:key:${base58btc.encode(Uint8Array.from([0xed, 0x01, ...new Uint8Array(31).fill(5)]))}`;
    const malformed = [
      '',
      'did:key:',
      'did:web:example.com',
      DID.slice(0, -1),
      `${DID}1`,
      DID.replace('z6', 'f6'),
      DID.replace('z6', 'z1'),
      `${DID.slice(0, -1)}0`,
      secp256k1,
      short,
      `did:key:z${'1'.repeat(1_000_000)}`,
    ];
    for (const did of malformed) {
      assert.equal(publicKeyOf(did), undefined, did.slice(0, 80));
      assert.equal(verify(did, new Uint8Array(3), signature), false);
    }
    assert.equal(verifierOf(new Uint8Array(32).fill(0xff))(new Uint8Array(3), signature), false);
  });

  test('who remembers keys tells signatures as who does not, also when they are too many', async () => {
    const verifiers = rememberingVerifiers(2);
    const keys = [keyOf(generateSeed()), keyOf(generateSeed()), keyOf(generateSeed())];
    const bytes = Uint8Array.of(1, 2, 3);
    const signatures = await Promise.all(keys.map((key) => key.sign(bytes)));
    for (let round = 0; round < 3; round++) {
      for (const [i, { did }] of keys.entries())
        for (const [j, signature] of signatures.entries()) assert.equal(verifiers(did)!(bytes, signature), i === j);
      assert.equal(verifiers(DID.slice(0, -1)), undefined);
    }
  });

  test('a seed has 32 bytes', () => {
    for (const length of [0, 31, 33, 64])
      assert.throws(() => keyOf(new Uint8Array(length)), { name: 'DocketError', code: 'IDENTITY_INVALID' });
    assert.equal(generateSeed().length, 32);
  });
});
