import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { encode } from '../../src/ipld/dag-cbor.ts';
import { GivenValues } from '../../src/runner/given-values.ts';

test('what large values take in memory is told, by their items too', () => {
  const value = encode(Array.from({ length: 10_000 }, () => 'k'));
  let told = 0;
  const given = new GivenValues({ readAll: () => value }, 1 << 30, (bytes) => (told += bytes));
  given.spread([Cid.ofLargeValue(value)]);
  assert.ok(told >= 10_000 * 256 + value.length, `${told}`);
});
