import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { isDocketError, type ErrorCode } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { BlobReader } from '../../src/store/blob-reader.ts';
import { digestHex } from '../../src/store/digest.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { contentPath } from '../../src/store/paths.ts';
import { VerifiedFiles } from '../../src/store/verified-files.ts';
import { temporaryFolder } from './helpers.ts';

const aheadClock = { now: () => Date.now() + 3_600_000, monotonic: () => 0, after: () => () => undefined };

function throws(work: () => unknown, code: ErrorCode): void {
  assert.throws(work, (error) => isDocketError(error, code) || assert.fail(`expected ${code}, got ${error}`));
}

suite('synchronous reading', () => {
  test('gives any part of a blob, from disk and from memory', async () => {
    using folder = temporaryFolder();
    const store = await DiskStore.open(folder.path);
    for (const size of [0, 1, 5000, 1 << 20, 2_500_000]) {
      const bytes = randomBytes(size);
      const { cid } = await store.put(bytes);
      const readers = [new BlobReader(folder.path, new Map()), new BlobReader('/nowhere', new Map([[digestHex(cid), bytes]]))];
      for (const reader of readers) {
        using blob = reader.open(cid);
        assert.equal(blob.size, size);
        for (const [position, length] of [
          [0, 10],
          [size - 3, 10],
          [size, 10],
          [size + 5, 10],
          [size >> 1, 0],
          [size >> 1, 100_000],
        ] as const) {
          if (position < 0) continue;
          const target = new Uint8Array(length);
          const count = blob.read(target, position);
          assert.ok(bytes.subarray(position, position + length).equals(target.subarray(0, count)), `${position}+${length} of ${size}`);
        }
        assert.ok(bytes.equals(reader.readAll(cid)));
        if (size > 0) throws(() => reader.readAll(cid, size - 1), 'BLOB_TOO_LARGE');
      }
    }
  });

  test('refuses damaged bytes, wherever they lie', async () => {
    using folder = temporaryFolder();
    const store = await DiskStore.open(folder.path);
    const { cid } = await store.put(randomBytes(1_500_000));
    const path = contentPath(folder.path, digestHex(cid));
    const reader = new BlobReader(folder.path, new Map(), new VerifiedFiles(), aheadClock);
    reader.open(cid).close();
    const bytes = readFileSync(path);
    bytes[1_499_999] = (bytes[1_499_999] as number) ^ 1;
    writeFileSync(path, bytes);
    throws(() => reader.open(cid), 'BLOB_DAMAGED');
    throws(() => reader.open(cid), 'BLOB_MISSING');
    const small = Buffer.from('small');
    throws(
      () => new BlobReader(folder.path, new Map([[digestHex(Cid.ofBlob(small)), Buffer.from('smalL')]])).open(Cid.ofBlob(small)),
      'BLOB_DAMAGED',
    );
    throws(() => reader.open(Cid.ofValue(1)), 'CID_INVALID');
  });

  test('a blob cut after it was opened ends in an error; a deleted one can still be read', async () => {
    using folder = temporaryFolder();
    const store = await DiskStore.open(folder.path);
    const reader = new BlobReader(folder.path, new Map());
    const bytes = randomBytes(100_000);
    const { cid } = await store.put(bytes);
    const path = contentPath(folder.path, digestHex(cid));
    using blob = reader.open(cid);
    rmSync(path);
    const target = new Uint8Array(100_000);
    assert.equal(blob.read(target, 0), 100_000);
    assert.ok(bytes.equals(target));
    await store.put(bytes);
    using other = reader.open(cid);
    truncateSync(path, 500);
    throws(() => other.read(target, 500), 'BLOB_DAMAGED');
  });

  test('closing twice leaves other files open', async () => {
    using folder = temporaryFolder();
    const store = await DiskStore.open(folder.path);
    const [one, two] = [await store.put(randomBytes(5000)), await store.put(randomBytes(5000))];
    const reader = new BlobReader(folder.path, new Map());
    const first = reader.open(one.cid);
    first.close();
    const second = reader.open(two.cid);
    first.close();
    assert.equal(second.read(new Uint8Array(10), 0), 10);
    second.close();
  });
});
