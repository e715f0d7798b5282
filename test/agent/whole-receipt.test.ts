import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DocketError } from '../../src/errors.ts';
import { wholeReceipt } from '../../src/agent/whole-receipt.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { encode } from '../../src/ipld/dag-cbor.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import type { Out, Receipt } from '../../src/receipt/model.ts';
import type { BlobReader } from '../../src/store/blob-reader.ts';

const bytes = Buffer.alloc(5000, 1);
const value: Ipld = { image: new Uint8Array(6000) };

/** A store of these blobs. */
function over(...blobs: readonly Uint8Array[]): Pick<BlobReader, 'open' | 'readAll'> {
  const find = (cid: Cid.CID): Uint8Array => {
    const found = blobs.find((blob) => Buffer.compare(Cid.ofBlob(blob).multihash.digest, cid.multihash.digest) === 0);
    if (found === undefined) throw new DocketError('BLOB_MISSING', 'it is not here');
    return found;
  };
  return {
    readAll(cid, limit = 0) {
      const blob = find(cid);
      if (blob.length > limit) throw new DocketError('BLOB_TOO_LARGE', 'it is too large');
      return blob;
    },
    open: (cid) => ({ size: find(cid).length, read: () => 0, close: () => undefined, [Symbol.dispose]: () => undefined }),
  };
}

function receiptOf(out: Out): Receipt {
  return { ran: Cid.ofValue(1), out, meta: {} as Receipt['meta'], iss: 'did:x', prf: [] };
}

const outOf = (out: Out, isFunction: boolean, blobs: ReturnType<typeof over>): Out =>
  wholeReceipt(receiptOf(out), isFunction, blobs).content.out;

test('what a function gave stands in its receipt again', () => {
  assert.deepEqual(outOf(['ok', Cid.ofBlob(bytes)], true, over(bytes)), ['ok', bytes]);
  assert.deepEqual(encode(outOf(['ok', Cid.ofLargeValue(encode(value))], true, over(encode(value)))), encode(['ok', value]));
});

test('links that mean themselves stay', () => {
  const tree = Cid.ofTree(encode({}));
  for (const [out, isFunction] of [
    [['ok', Cid.ofBlob(bytes)], false],
    [['ok', tree], true],
    [['error', Cid.ofBlob(bytes)], true],
    [['ok', Cid.ofValue(1)], true],
    [['ok', [Cid.ofBlob(bytes)]], true],
  ] as const satisfies readonly (readonly [Out, boolean])[])
    assert.deepEqual(outOf(out, isFunction, over(bytes, encode({}))), out);
});

test('what is gone stays a link, and what is too large is said to be left out', () => {
  const link = Cid.ofBlob(bytes);
  assert.deepEqual(wholeReceipt(receiptOf(['ok', link]), true, over()), { content: receiptOf(['ok', link]) });
  const huge = new Uint8Array(5 * 2 ** 20);
  const out: Out = ['ok', Cid.ofBlob(huge)];
  assert.deepEqual(wholeReceipt(receiptOf(out), true, over(huge)), { content: receiptOf(out), leftOut: huge.length });
  assert.deepEqual(outOf(['ok', Cid.ofLargeValue(Uint8Array.of(0xff))], true, over(Uint8Array.of(0xff))), [
    'ok',
    Cid.ofLargeValue(Uint8Array.of(0xff)),
  ]);
});
