import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChunkPool, Packer, type Row, unpack } from '../../src/ledger/pack.ts';

const value = fc.oneof(
  fc.constant(null),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 300 }),
);

function roundTrip(rows: readonly Row[]): unknown[] {
  const packer = new Packer(new ChunkPool());
  for (const row of rows) packer.add(row);
  return [...unpack(packer.finish())].map((row) => row.map((item) => (item instanceof Uint8Array ? Uint8Array.from(item) : item)));
}

test('rows come out as they went in', () => {
  fc.assert(fc.property(fc.array(fc.array(value, { maxLength: 12 })), (rows) => assert.deepEqual(roundTrip(rows), rows)));
});

test('rows larger than a chunk, and more rows than one chunk holds', () => {
  const large = new Uint8Array(300_000).fill(7);
  const rows = Array.from({ length: 2_000 }, (_, i): Row =>
    i % 500 === 0 ? [i, large, 'ü'.repeat(90_000)] : [i, new Uint8Array(200).fill(i)],
  );
  assert.deepEqual(roundTrip(rows), rows);
});

test('memory that was given back is used again and holds nothing of before', () => {
  const pool = new ChunkPool();
  const first = new Packer(pool);
  first.add(['the first batch', 1]);
  const [chunk] = first.finish();
  pool.give([chunk!]);
  const second = new Packer(pool);
  second.add([2]);
  const again = second.finish();
  assert.equal(again[0]!.buffer, chunk!.buffer);
  assert.deepEqual([...unpack(again)], [[2]]);
});
