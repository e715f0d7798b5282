import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { FileHash } from '../../../src/store/unixfs/file-hash.ts';
import { imported, sample } from './helpers.ts';

const CHUNK = 262_144;
const FANOUT = 174;

function cidOf(bytes: Uint8Array, piece = bytes.length): string {
  const hash = new FileHash();
  for (let at = 0; at < bytes.length; at += piece) hash.update(bytes.subarray(at, at + piece));
  return hash.digest().toString();
}

suite('the CID of a file in UnixFS', () => {
  for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 286_266, FANOUT * CHUNK - 1, FANOUT * CHUNK, FANOUT * CHUNK + 1])
    test(`of ${size} bytes is what others say`, async () => {
      const bytes = sample(size);
      assert.equal(cidOf(bytes), (await imported(bytes)).cid.toString());
    });

  test('of three levels is what others say', async () => {
    const bytes = sample(FANOUT * CHUNK * 2 + 3 * CHUNK + 5);
    assert.equal(cidOf(bytes, 100_003), (await imported(bytes)).cid.toString());
  });

  test('of no bytes and of a chunk is that of the blob', () => {
    assert.equal(cidOf(new Uint8Array()), 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku');
  });

  test('does not depend on the pieces in which the bytes come', async () => {
    const bytes = sample(5 * CHUNK + 77);
    const whole = cidOf(bytes);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 2 * CHUNK }), { minLength: 1, maxLength: 8 }), async (sizes) => {
        const hash = new FileHash();
        for (let [at, i] = [0, 0]; at < bytes.length; i++) hash.update(bytes.subarray(at, (at += sizes[i % sizes.length]!)));
        assert.equal(hash.digest().toString(), whole);
      }),
      { numRuns: 12 },
    );
  });

  test('of files of any length is what others say', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 12 * CHUNK }), async (size) => {
        const bytes = sample(size);
        assert.equal(cidOf(bytes, 65_536), (await imported(bytes)).cid.toString());
      }),
      { numRuns: 12 },
    );
  });
});
