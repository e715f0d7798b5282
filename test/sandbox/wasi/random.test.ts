import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { realRandom, seededRandom } from '../../../src/sandbox/wasi/random.ts';

function take(random: (target: Uint8Array) => void, sizes: readonly number[]): Buffer {
  return Buffer.concat(
    sizes.map((size) => {
      const target = new Uint8Array(size);
      random(target);
      return target;
    }),
  );
}

test('a seed gives the ChaCha20 key stream, however it is asked for', () => {
  const zero = new Uint8Array(32);
  // Of the zero key, as in RFC 7539, appendix A.1, test vector 1.
  assert.equal(take(seededRandom(zero), [16]).toString('hex'), '76b8e0ada0f13d90405d6ae55386bd28');
  const whole = take(seededRandom(zero), [400_000]);
  const size = fc.oneof(fc.nat(64), fc.integer({ min: 2000, max: 2100 }), fc.nat(150_000));
  const check = fc.property(fc.array(size, { maxLength: 8 }), (sizes) => {
    const bytes = take(seededRandom(zero), sizes).subarray(0, whole.length);
    assert.ok(bytes.equals(whole.subarray(0, bytes.length)), sizes.join());
  });
  fc.assert(check, { numRuns: 40 });
});

test('real randomness is never given twice', () => {
  const random = realRandom();
  const words = Array.from({ length: 2000 }, () => take(random, [16]).toString('hex'));
  assert.equal(new Set([...words, take(random, [5000]).toString('hex')]).size, 2001);
  assert.ok(!words.includes('00'.repeat(16)));
});
