import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { INLINE } from '../../src/ipld/large-value.ts';
import { BlobSink } from '../../src/runner/blob-sink.ts';
import { hex, temporaryStore } from './helpers.ts';

describe('BlobSink', () => {
  test('small blobs are kept, larger ones lie in the store, each once', async (t) => {
    const store = await temporaryStore(t);
    const sink = new BlobSink(store.root);
    const small = Buffer.alloc(INLINE, 'a');
    const large = Buffer.alloc(INLINE + 1, 'b');
    for (const bytes of [small, large, small, large]) assert.ok(sink.add(bytes).equals(Cid.ofBlob(bytes)));
    assert.deepEqual([...sink.small.keys()], [hex(Cid.ofBlob(small))]);
    assert.deepEqual(sink.written.map(String), [Cid.ofBlob(large).toString()]);
    await store.settle(sink.written);
    assert.deepEqual(await store.read(Cid.ofBlob(large)), new Uint8Array(large));
  });

  test('a great many small blobs do not all travel: the rest goes to the store', async (t) => {
    const store = await temporaryStore(t);
    const sink = new BlobSink(store.root);
    const most = (8 << 20) / INLINE;
    const blobs = Array.from({ length: most + 3 }, (_, n) => {
      const bytes = new Uint8Array(INLINE);
      new DataView(bytes.buffer).setUint32(0, n);
      return bytes;
    });
    for (const bytes of blobs) sink.add(bytes);
    assert.deepEqual([sink.small.size, sink.written.length], [most, 3]);
    assert.deepEqual(await store.missing(sink.written), []);
  });
});
