import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ofValue } from '../../src/ipld/cid.ts';
import { encode } from '../../src/ipld/dag-cbor.ts';
import { keyOf } from '../../src/ipld/identity.ts';
import type { Ipld, IpldMap } from '../../src/ipld/value.ts';
import { toIpld } from '../../src/receipt/model.ts';
import { type Check, decode, decodeAs, outAs, verify } from '../../src/receipt/verify.ts';
import { issued, key } from './helpers.ts';

const sample = await issued();
const plain = toIpld(sample.receipt);

/** A well-signed envelope around whatever. */
async function signed(value: Ipld, signer = key): Promise<Uint8Array> {
  const r = encode(value);
  return encode({ r: value, s: await signer.sign(r) });
}

function checks(bytes: Uint8Array, expected = sample.cid): Check[] {
  return verify(bytes, expected).map(({ check }) => check);
}

suite('Receipt.verify', () => {
  test('every flipped bit is found, by the check it is meant for', () => {
    const { bytes, cid } = sample;
    const tail = bytes.length - 64;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      const at = bit >> 3;
      flipped[at] = (flipped[at] as number) ^ (1 << (bit & 7));
      const found = checks(flipped, cid);
      if (at < 3 || (at >= tail - 4 && at < tail)) assert.deepEqual(found, ['envelope'], `bit ${bit}`);
      else if (at >= tail) assert.deepEqual(found, ['signature'], `bit ${bit}`);
      else {
        // The CID names it, and without knowing the CID one of the others does.
        assert.equal(found[0], 'cid', `bit ${bit}`);
        const [first, ...more] = verify(flipped);
        assert(first !== undefined && ['encoding', 'shape', 'outcome', 'issuer', 'signature'].includes(first.check), `bit ${bit}`);
        assert(
          more.every(({ check }) => check === 'issuer' || check === 'signature'),
          `bit ${bit}`,
        );
      }
      assert.equal(decodeAs(cid, flipped) === undefined, at < tail, `bit ${bit}`);
      assert.equal(outAs(cid, flipped) === undefined, at < tail, `bit ${bit}`);
    }
  });

  test('any other damage is found too', () => {
    const { bytes, cid } = sample;
    fc.assert(
      fc.property(fc.nat({ max: bytes.length }), fc.nat({ max: bytes.length }), fc.uint8Array({ maxLength: 8 }), (from, to, inserted) => {
        const [start, end] = [Math.min(from, to), Math.max(from, to)];
        const damaged = Uint8Array.from([...bytes.subarray(0, start), ...inserted, ...bytes.subarray(end)]);
        fc.pre(damaged.toHex() !== bytes.toHex());
        assert.notDeepEqual(verify(damaged, cid), []);
        assert.notDeepEqual(verify(damaged), []);
      }),
      { numRuns: 1000 },
    );
    assert.deepEqual(checks(new Uint8Array(0)), ['envelope']);
    assert.deepEqual(checks(encode({ r: plain, s: new Uint8Array(63) })), ['envelope']);
    assert.deepEqual(checks(encode({ r: plain, s: new Uint8Array(64) })), ['signature']);
  });

  test('a good signature does not make a bad receipt good', async () => {
    const { meta, ...metaless } = plain;
    const { iss, ...issless } = plain;
    const metaMap = meta as IpldMap;
    const { started, ...startless } = metaMap;
    assert(iss !== undefined && started !== undefined);
    const shapes: Record<string, Ipld> = {
      'a list': [plain],
      'no meta': metaless,
      'no issuer': issless,
      'null issuer, as Homestar has it': { ...plain, iss: null },
      'unknown key': { ...plain, extra: 1 },
      'ran is a text': { ...plain, ran: 'bafy' },
      'no out': Object.fromEntries(Object.entries(plain).filter(([name]) => name !== 'out')),
      'prf is a map': { ...plain, prf: {} },
      'no start': { ...plain, meta: startless },
      'a start with fraction': { ...plain, meta: { ...metaMap, started: 1.5 } },
      'a short key': { ...plain, meta: { ...metaMap, key: new Uint8Array(31) } },
      'a module that is a text': { ...plain, meta: { ...metaMap, module: 'wasm' } },
      'grants with a number': { ...plain, meta: { ...metaMap, grants: [1] } },
      'a limit that is a text': { ...plain, meta: { ...metaMap, limits: { time: '1 s' } } },
      'usage without output': { ...plain, meta: { ...metaMap, usage: { wall: 1, cpu: 1, memory: 1 } } },
    };
    for (const [name, value] of Object.entries(shapes)) {
      const bytes = await signed(value);
      assert.deepEqual(checks(bytes, ofValue(value)), ['shape'], name);
      assert.throws(() => decode(bytes), { name: 'DocketError', code: 'IPLD_INVALID' }, name);
      assert.equal(decodeAs(ofValue(value), bytes), undefined, name);
    }
  });

  test('an out of another shape is named', async () => {
    for (const out of ['ok', [], ['ok'], ['ok', 1, 2], ['fine', 1], ['error', 1], ['error', { code: 'unheard-of', message: '' }]]) {
      const value = { ...plain, out };
      assert.deepEqual(checks(await signed(value), ofValue(value)), ['outcome']);
    }
  });

  test('an issuer that is no did:key, or another', async () => {
    for (const iss of ['', 'did:web:example.com', key.did.slice(0, -1), `${key.did}#key`]) {
      const value = { ...plain, iss };
      assert.deepEqual(checks(await signed(value), ofValue(value)), ['issuer']);
    }
    const other = keyOf(new Uint8Array(32).fill(8));
    assert.deepEqual(checks(await signed(plain, other)), ['signature']);
    const stolen = { ...plain, iss: other.did };
    assert.deepEqual(checks(await signed(stolen), ofValue(stolen)), ['signature']);
  });

  test('several things wrong are all named', async () => {
    const value = { ...plain, out: ['fine', 1], iss: 'did:web:example.com' };
    assert.deepEqual(checks(await signed(value)), ['cid', 'outcome', 'issuer']);
  });

  test('keys that a later version adds to meta are let pass, and kept', async () => {
    const value = { ...plain, meta: { ...(plain.meta as IpldMap), region: 'north' } };
    assert.deepEqual(checks(await signed(value), ofValue(value)), []);
    assert.deepEqual(toIpld(decode(await signed(value)).receipt), value);
  });

  test('a sound receipt under another CID is not that one', () => {
    assert.deepEqual(checks(sample.bytes, ofValue('another')), ['cid']);
    assert.equal(decodeAs(ofValue('another'), sample.bytes), undefined);
    assert.equal(outAs(ofValue('another'), sample.bytes), undefined);
    assert.deepEqual(outAs(sample.cid, sample.bytes), sample.receipt.out);
    assert.deepEqual(decodeAs(sample.cid, sample.bytes), sample.receipt);
  });
});
