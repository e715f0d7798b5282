import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CID } from '../../src/ipld/cid.ts';
import { isDocketError } from '../../src/errors.ts';
import { UploadStore } from '../../src/sdk/upload-store.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import type { PutOptions, Rereadable } from '../../src/store/store.ts';

/** A store that counts what it is sent and asked. */
class Far extends MemoryStore {
  sent = 0;
  questions = 0;

  override async put(source: Uint8Array | AsyncIterable<Uint8Array>, options?: PutOptions): Promise<{ cid: CID; size: number }> {
    this.sent++;
    return await super.put(source, options);
  }

  override async missing(cids: readonly CID[]): Promise<CID[]> {
    this.questions++;
    return await super.missing(cids);
  }
}

function file(...parts: string[]): Rereadable {
  return {
    isRereadable: true,
    async *[Symbol.asyncIterator]() {
      for (const part of parts) yield Buffer.from(part);
    },
  };
}

test('what is there already is not sent, whether it is given whole or as a file', async () => {
  const far = new Far();
  const store = new UploadStore(far);
  const { cid } = await store.put(Buffer.from('one two'));
  assert.equal(far.sent, 1);
  assert.ok((await store.put(Buffer.from('one two'))).cid.equals(cid));
  const named = await store.put(file('one', ' ', 'two'));
  assert.deepEqual([named.cid.toString(), named.size, far.sent], [cid.toString(), 7, 1]);
  await store.put(file('three'));
  assert.deepEqual([far.sent, Buffer.from(await store.read((await store.put(file('three'))).cid)).toString()], [2, 'three']);
});

test('what is put at once is asked for at once', async () => {
  const far = new Far();
  const store = new UploadStore(far);
  await Promise.all(Array.from({ length: 20 }, (_, i) => store.put(Buffer.from(String(i)))));
  assert.deepEqual([far.sent, far.questions], [20, 1]);
});

test('a pipe is sent as it comes', async () => {
  const far = new Far();
  const pipe = (async function* () {
    yield Buffer.from('once');
  })();
  const { cid } = await new UploadStore(far).put(pipe);
  assert.deepEqual([Buffer.from(await far.read(cid)).toString(), far.questions], ['once', 0]);
});

test('what does not match is not sent, and a far failure reaches everybody who asked', async () => {
  const far = new Far();
  const { cid } = await far.put(Buffer.from('x'));
  far.sent = 0;
  await assert.rejects(new UploadStore(far).put(Buffer.from('y'), { expect: cid }), (error) => isDocketError(error, 'BLOB_MISMATCH'));
  assert.equal(far.sent, 0);
  far.missing = () => Promise.reject(new Error('far away'));
  const store = new UploadStore(far);
  const ends = await Promise.allSettled([store.put(Buffer.from('a')), store.put(Buffer.from('b'))]);
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
});
