import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { CID } from 'multiformats/cid';
import { create } from 'multiformats/hashes/digest';
import * as Cid from '../../src/ipld/cid.ts';
import { fromBytes } from '../../src/ipld/cid-bytes.ts';
import { encode } from '../../src/ipld/dag-cbor.ts';
import { sha3 } from '../../src/ipld/hash.ts';
import { hex, ipld } from './helpers.ts';

suite('CIDs', () => {
  test('of empty things, as other tools print them', () => {
    assert.equal(Cid.ofBlob(new Uint8Array(0)).toString(), 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku');
    assert.equal(Cid.ofTree(encode({})).toString(), 'bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua');
  });

  test('are those of the library', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.deepEqual(
          Cid.ofValueBytes(bytes),
          CID.createV1(0x71, create(0x16, new Uint8Array(createHash('sha3-256').update(bytes).digest()))),
        );
        assert.deepEqual(Cid.ofBlob(bytes), CID.createV1(0x55, create(0x12, new Uint8Array(createHash('sha256').update(bytes).digest()))));
        assert.deepEqual(fromBytes(Cid.ofBlob(bytes).bytes.slice()), Cid.parse(Cid.ofBlob(bytes).toString()));
      }),
    );
  });

  test('of a value are of its encoding', () => {
    fc.assert(fc.property(ipld, (value) => assert.deepEqual(Cid.ofValue(value), Cid.ofValueBytes(encode(value)))));
    assert.deepEqual(Cid.ofValue([1]).multihash.digest, sha3(hex('8101')));
  });

  test('come from bytes only if those are canonical', () => {
    const digest = '00'.repeat(32);
    assert.equal(fromBytes(hex(`1220${digest}`))?.version, 0);
    assert.equal(fromBytes(hex(`01 71 9502 20 ${digest}`))?.multihash.code, 277);
    for (const bytes of [
      '',
      '01',
      '0171',
      `01 71 12 1f ${digest}`,
      `01 f100 12 20 ${digest}`,
      `01 71 12 a000 ${digest}`,
      `02 71 12 20 ${digest}`,
      `1221${digest}`,
    ]) {
      assert.equal(fromBytes(hex(bytes)), undefined, bytes);
    }
  });

  test('parse refuses other texts', () => {
    for (const text of ['', 'x', 'bafy', 'zzzz', 'ipfs://bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku', 'Qm']) {
      assert.throws(() => Cid.parse(text), { name: 'DocketError', code: 'CID_INVALID' });
    }
  });

  test('know what they name', () => {
    const [blob, tree, value] = [Cid.ofBlob(new Uint8Array(1)), Cid.ofTree(encode({})), Cid.ofValue({})];
    assert.deepEqual([blob, tree, value].map(Cid.isStored), [true, true, false]);
    assert.deepEqual([blob, tree, value].map(Cid.isTree), [false, true, false]);
  });

  test('as subresource integrity', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    assert.equal(Cid.toSri(Cid.ofBlob(bytes)), `sha256-${createHash('sha256').update(bytes).digest('base64')}`);
  });

  test('links stand in depth-first order, repeats included', () => {
    const [a, b, c] = [Cid.ofValue(1), Cid.ofValue(2), Cid.ofValue(3)] as const;
    assert.deepEqual([...Cid.links([a, { x: [b, a], y: c }, 'text', a.bytes, null])], [a, b, a, c]);
    assert.deepEqual([...Cid.links(a)], [a]);
    assert.equal([...Cid.links(Array.from({ length: 300_000 }, () => a))].length, 300_000);
  });
});
