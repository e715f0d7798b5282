import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isDocketError } from '../../src/errors.ts';
import { FrameDecoder, HEADER, MAX_FRAME } from '../../src/runner/frames.ts';

function frame(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length, true);
  bytes.set(body, HEADER);
  return bytes;
}

/** Cuts `bytes` at the places given, in any order, repeats included: then a chunk is empty. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((end, i) => bytes.slice(sorted[i], end));
}

describe('FrameDecoder', () => {
  test('finds the messages however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), fc.array(fc.nat()), (bodies, places) => {
        const decoder = new FrameDecoder();
        const found = cut(Buffer.concat(bodies.map(frame)), places).flatMap((chunk) => decoder.push(chunk));
        assert.deepEqual(
          found.map((body) => [...body]),
          bodies.map((body) => [...body]),
        );
        assert.equal(decoder.isEmpty, true);
      }),
    );
  });

  test('gives copies: a chunk may be overwritten afterwards', () => {
    const chunk = frame(Uint8Array.of(1, 2, 3));
    const [message] = new FrameDecoder().push(chunk);
    chunk.fill(9);
    assert.deepEqual([...(message ?? [])], [1, 2, 3]);
  });

  test('refuses a message larger than the bound at its header, before memory is taken for it', () => {
    const header = new Uint8Array(HEADER);
    new DataView(header.buffer).setUint32(0, MAX_FRAME + 1, true);
    assert.throws(
      () => new FrameDecoder().push(header),
      (error) => isDocketError(error, 'INTERNAL'),
    );
    new DataView(header.buffer).setUint32(0, MAX_FRAME, true);
    assert.deepEqual(new FrameDecoder().push(header), []);
  });

  test('says whether it stands inside of a message', () => {
    const decoder = new FrameDecoder();
    decoder.push(frame(Uint8Array.of(1, 2)).subarray(0, 3));
    assert.equal(decoder.isEmpty, false);
  });
});
