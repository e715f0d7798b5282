import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import * as Cid from '../../../src/ipld/cid.ts';
import { ANN, BEN, bytes, type Check, gather, rejectsWith, withCode } from './under-test.ts';

async function* stream(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** Gives one chunk, then nothing until the end of time. */
async function* stuck(): AsyncGenerator<Uint8Array> {
  yield bytes('a');
  await new Promise(() => undefined);
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield randomBytes(1_000);
}

async function* failing(error: Error): AsyncGenerator<Uint8Array> {
  yield bytes('a');
  throw error;
}

/** Blobs that outlive agents. */
export function objectsContract(check: Check): void {
  check('objects are put by one and got by another', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    for (const size of [0, 1, 131_072, 131_073, 3_000_000]) {
      const data = randomBytes(size);
      const cid = Cid.ofBlob(data);
      assert.equal(await ben.objects.has(cid), false);
      await assert.rejects(gather(ben.objects.get(cid)), withCode('BLOB_MISSING'));
      await ann.objects.put(cid, size, stream(data.subarray(0, size >> 1), new Uint8Array(), data.subarray(size >> 1)));
      assert.equal(await ben.objects.has(cid), true);
      assert.ok(Buffer.concat(await gather(ben.objects.get(cid))).equals(data), `${size} bytes`);
      const listed = await gather(ben.objects.list());
      assert.deepEqual(
        listed.filter((object) => object.cid.equals(cid)).map((object) => object.size),
        [size],
      );
      assert.deepEqual(
        (await gather(ann.objects.get(cid)))[0]?.fill(0) && Buffer.concat(await gather(ben.objects.get(cid))),
        size === 0 ? undefined : data,
      );
    }
    assert.equal((await gather(ann.objects.list())).length, 5);
  });

  check('nothing is taken from who brings what is there', async (under) => {
    const ann = await under.open(ANN);
    const data = randomBytes(1_000);
    const cid = Cid.ofBlob(data);
    await ann.objects.put(cid, data.length, stream(data));
    await ann.objects.put(cid, data.length, failing(new Error('not to be read')));
    assert.ok(Buffer.concat(await gather(ann.objects.get(cid))).equals(data));
    const other = randomBytes(1_000_000);
    const both = [0, 1].map(() => ann.objects.put(Cid.ofBlob(other), other.length, stream(other)));
    await Promise.all(both);
    assert.ok(Buffer.concat(await gather(ann.objects.get(Cid.ofBlob(other)))).equals(other), 'two that bring it at once');
  });

  check('what does not come whole is not kept', async (under) => {
    const ann = await under.open(ANN);
    const data = randomBytes(300_000);
    const cid = Cid.ofBlob(data);
    const failure = new Error('the disk is gone');
    await rejectsWith(failure, ann.objects.put(cid, data.length, failing(failure)));
    await assert.rejects(ann.objects.put(cid, data.length, stream(data.subarray(1))), withCode('BLOB_MISMATCH'));
    await assert.rejects(ann.objects.put(cid, data.length, stream(data, bytes('x'))), withCode('BLOB_MISMATCH'));
    await assert.rejects(ann.objects.put(cid, data.length, endless()), withCode('BLOB_MISMATCH'));
    await assert.rejects(ann.objects.put(cid, data.length, stream()), withCode('BLOB_MISMATCH'));
    const stop = new AbortController();
    const reason = new Error('enough');
    await rejectsWith(reason, ann.objects.put(cid, data.length, stream(data), AbortSignal.abort(reason)));
    setTimeout(() => stop.abort(reason), 20);
    await rejectsWith(reason, ann.objects.put(cid, data.length, stuck(), stop.signal));
    assert.equal(await ann.objects.has(cid), false);
    await assert.rejects(gather(ann.objects.get(cid)), withCode('BLOB_MISSING'));
    assert.deepEqual(await gather(ann.objects.list()), []);
    await ann.objects.put(cid, data.length, stream(data));
    assert.ok(Buffer.concat(await gather(ann.objects.get(cid))).equals(data), 'and can be brought after that');
  });

  check('objects are deleted, and reading them may be stopped', async (under) => {
    const [ann, ben] = [await under.open(ANN), await under.open(BEN)];
    const data = randomBytes(1_000_000);
    const [cid, tree] = [Cid.ofBlob(data), Cid.ofTree(data)];
    await ann.objects.put(cid, data.length, stream(data));
    await ann.objects.put(tree, data.length, stream(data));
    const reason = new Error('enough');
    await rejectsWith(reason, gather(ben.objects.get(cid, AbortSignal.abort(reason))));
    const stop = new AbortController();
    const reading = async (): Promise<void> => {
      for await (const _ of ben.objects.get(cid, stop.signal)) stop.abort(reason);
    };
    await rejectsWith(reason, reading());
    for await (const _ of ben.objects.get(cid)) break;
    await ben.objects.delete(cid);
    await ben.objects.delete(cid);
    assert.deepEqual([await ann.objects.has(cid), await ann.objects.has(tree)], [false, true], 'CIDs of other kinds are other objects');
    await assert.rejects(gather(ann.objects.get(cid)), withCode('BLOB_MISSING'));
    assert.deepEqual(
      (await gather(ann.objects.list())).map((object) => object.cid.toString()),
      [tree.toString()],
    );
  });
}
