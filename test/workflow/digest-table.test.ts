import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha3 } from '../../src/ipld/hash.ts';
import { DigestTable } from '../../src/workflow/digest-table.ts';

const digest = (text: string): Uint8Array => sha3(Buffer.from(text));

test('each digest has one position, in the order added', () => {
  const table = new DigestTable();
  const count = 10_000;
  for (let i = 0; i < count; i++) assert.deepEqual(table.add(digest(`${i}`)), { position: i, isNew: true });
  for (let i = 0; i < count; i++) {
    assert.deepEqual(table.add(digest(`${i}`)), { position: i, isNew: false });
    assert.equal(table.find(digest(`${i}`)), i);
    assert.equal(table.find(digest(`no ${i}`)), undefined);
    assert.deepEqual(table.at(i), digest(`${i}`));
  }
});

test('digests that begin alike are told apart', () => {
  const table = new DigestTable();
  const alike = Array.from({ length: 300 }, (_, i) =>
    new Uint8Array(32)
      .fill(7, 0, 30)
      .fill(i >> 8, 30, 31)
      .fill(i, 31),
  );
  for (const [i, one] of alike.entries()) assert.equal(table.add(one).position, i);
  for (const [i, one] of alike.entries()) assert.equal(table.find(one), i);
});

test('what has another length is no digest of the table', () => {
  const table = new DigestTable();
  table.add(new Uint8Array(32));
  for (const length of [0, 4, 31, 33]) assert.equal(table.find(new Uint8Array(length)), undefined);
});

test('frozen, it still tells what stands where', () => {
  const table = new DigestTable();
  table.add(digest('a'));
  table.freeze();
  assert.deepEqual(table.at(0), digest('a'));
});
