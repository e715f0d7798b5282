import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blobReply } from '../../src/api/blob-replies.ts';
import type { ApiRequest } from '../../src/api/route.ts';
import { blobCid } from '../../src/store/digest.ts';
import type { Store } from '../../src/store/store.ts';

test('a blob that comes while it is looked for is given, and nothing of the look stays open', async () => {
  const cid = blobCid('ab'.repeat(32));
  let [looks, open] = [0, 0];
  const store: Pick<Store, 'stat' | 'get'> = {
    async stat() {
      return looks++ === 0 ? undefined : { size: 3 };
    },
    async *get() {
      open++;
      try {
        yield new Uint8Array([1, 2, 3]);
      } finally {
        open--;
      }
    },
  };
  const request = { header: () => undefined, signal: new AbortController().signal } as Partial<ApiRequest> as ApiRequest;
  const { status, body } = await blobReply(store as Store, cid, request);
  assert.deepEqual([status, open], [200, 0]);
  assert.ok(typeof body === 'function');
  assert.equal(Buffer.concat(await Array.fromAsync(body())).length, 3);
});
