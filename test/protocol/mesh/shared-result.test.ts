import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decode, encode } from '../../../src/ipld/dag-cbor.ts';
import { keyOf } from '../../../src/ipld/identity.ts';
import type { IpldMap } from '../../../src/ipld/value.ts';
import { ofBlob, ofValue } from '../../../src/ipld/cid.ts';
import { decodeMembership, encodeMembership } from '../../../src/protocol/mesh/membership.ts';
import { decodeShared, encodeShared, type SharedResult } from '../../../src/protocol/mesh/shared-result.ts';
import { isStated, state } from '../../../src/receipt/statement.ts';

/** What members leave in the mesh for good, byte for byte as docs/formats.md has it: what one version filed the next must read. */

const key = keyOf(new Uint8Array(32).fill(7));
const declared = new Uint8Array(32).fill(1);
const receipt = ofValue('a receipt');
const statement = await state(declared, receipt, key);

const shared: SharedResult = {
  receipt: Uint8Array.of(1, 2, 3),
  statement,
  small: new Map([['ab'.repeat(32), Uint8Array.of(4)]]),
  held: [{ cid: ofBlob(Uint8Array.of(5)), size: 5_000 }],
};

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test('a statement is what it always was, and of one agent, key and receipt', () => {
  assert.equal(
    hex(statement.signature),
    '71aa331741038af0f51a75382a27709fe549fb9ff39e56006c082d0a03eac8a5bb4eafd588c26451e9a1fe38bd9a8198a7b1a8d5d691f2246feef28f71bd4a00',
  );
  assert.ok(isStated(statement, declared, receipt));
  const other = keyOf(new Uint8Array(32).fill(8));
  assert.ok(!isStated(statement, new Uint8Array(32), receipt));
  assert.ok(!isStated(statement, declared, ofValue('another')));
  assert.ok(!isStated({ ...statement, by: other.did }, declared, receipt));
  assert.ok(!isStated({ ...statement, by: 'did:web:example.org' }, declared, receipt));
  for (let bit = 0; bit < 512; bit++) {
    const signature = statement.signature.slice();
    signature[bit >> 3]! ^= 1 << (bit & 7);
    assert.ok(!isStated({ ...statement, signature }, declared, receipt), `bit ${bit}`);
  }
});

test('what is filed is what it always was, and comes back', () => {
  assert.equal(
    hex(encodeShared(shared)),
    'a661760162627978386469643a6b65793a7a364d6b76447147543534635865735947764142704631556170564e776a43715263616669345078365468763554335a6468656c6481a263636964d82a58250001551220e77b9a9ae9e30b0dbdb6f510a264ef9de781501d7b6b92ae89eb059c5ab743db6473697a651913886473616964584071aa331741038af0f51a75382a27709fe549fb9ff39e56006c082d0a03eac8a5bb4eafd588c26451e9a1fe38bd9a8198a7b1a8d5d691f2246feef28f71bd4a0065736d616c6ca17840616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261624104677265636569707443010203',
  );
  assert.deepEqual(decodeShared(encodeShared(shared)), shared);
  assert.deepEqual(decodeShared(encodeShared({ ...shared, statement: undefined })), { ...shared, statement: undefined });
});

test('a newer version is told from garbage, unknown keys are left alone, and what is out of bounds is refused', () => {
  const map = decode(encodeShared(shared)) as IpldMap;
  const reasonOf = (changed: IpldMap): string => {
    const read = decodeShared(encode({ ...map, ...changed }));
    return 'refused' in read ? read.refused : 'read';
  };
  assert.equal(reasonOf({ more: 1 }), 'read');
  assert.equal(reasonOf({ v: 2 }), 'newer');
  const wrong: IpldMap[] = [
    { receipt: 'text' },
    { receipt: new Uint8Array(300_000) },
    { said: new Uint8Array(63) },
    { by: 'x'.repeat(300) },
    { small: { ab: new Uint8Array(1) } },
    { small: { ['ab'.repeat(32)]: new Uint8Array(4_097) } },
    { small: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i.toString(16).padStart(64, '0'), new Uint8Array(4_096)])) },
    { held: [{ cid: 'text', size: 1 }] },
    { held: [{ cid: receipt, size: -1 }] },
    { held: Array.from({ length: 1_025 }, () => ({ cid: receipt, size: 1 })) },
  ];
  for (const changed of wrong) assert.equal(reasonOf(changed), 'shape', Object.keys(changed).join());
});

test('no bytes make the decoders throw', async () => {
  const membership = await encodeMembership('lab', key);
  for (const bytes of [encodeShared(shared), membership]) {
    fc.assert(
      fc.property(fc.nat({ max: bytes.length }), fc.nat({ max: bytes.length }), fc.uint8Array({ maxLength: 8 }), (from, to, inserted) => {
        const [start, end] = [Math.min(from, to), Math.max(from, to)];
        const damaged = Uint8Array.from([...bytes.subarray(0, start), ...inserted, ...bytes.subarray(end)]);
        decodeShared(damaged);
        decodeMembership(damaged, 'lab');
      }),
    );
  }
});

test('a membership is what it always was, and of one agent in one mesh', async () => {
  const bytes = await encodeMembership('lab', key);
  assert.equal(
    hex(bytes),
    'a46176016364696478386469643a6b65793a7a364d6b76447147543534635865735947764142704631556170564e776a43715263616669345078365468763554335a646d657368636c616264736169645840cfba27d8f2deda575f1baaef49eca9fad8d18d9a74ab81c203f1fcf23be044e47aa20b1690c2cb2bb8e8971b09e8d7ed5c456ea62c9df663f58d9fa64deab709',
  );
  assert.deepEqual(decodeMembership(bytes, 'lab'), { did: key.did });
  assert.ok('refused' in decodeMembership(bytes, 'other'));
  const other = keyOf(new Uint8Array(32).fill(8));
  assert.ok('refused' in decodeMembership(encode({ ...(decode(bytes) as IpldMap), did: other.did }), 'lab'));
  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at]! ^= 1;
    const read = decodeMembership(flipped, 'lab');
    assert.ok('refused' in read, `byte ${at}`);
  }
});
