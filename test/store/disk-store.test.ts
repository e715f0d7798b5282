import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import cacache from 'cacache';
import fc from 'fast-check';
import * as Cid from '../../src/ipld/cid.ts';
import { digestHex } from '../../src/store/digest.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { contentPath } from '../../src/store/paths.ts';
import { setAside } from '../../src/store/set-aside.ts';
import { collect, rejects, stream } from '../contract/store.ts';
import { mountTmpfs, temporaryFolder, unfinished } from './helpers.ts';

const isRoot = process.getuid?.() === 0;

suite('the layout is cacache’s', () => {
  test('each reads what the other wrote', async () => {
    using folder = temporaryFolder();
    const store = await DiskStore.open(folder.path);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 9000 }), fc.uint8Array({ maxLength: 9000 }), async (ours, theirs) => {
        const { cid } = await store.put(ours);
        assert.ok(Buffer.from(ours).equals(await cacache.get.byDigest(folder.path, Cid.toSri(cid))));
        await cacache.put(folder.path, 'some key', theirs, { algorithms: ['sha256'] });
        assert.ok(Buffer.from(theirs).equals(await store.read(Cid.ofBlob(theirs))));
        assert.deepEqual(await store.put(theirs), { cid: Cid.ofBlob(theirs), size: theirs.length });
      }),
      { numRuns: 30 },
    );
  });

  test('what we list, cacache finds whole', async () => {
    using folder = temporaryFolder();
    const store = await DiskStore.open(folder.path);
    for (const size of [0, 10, 5000, 2_000_000])
      await cacache.put(folder.path, `key ${size}`, (await putRandom(store, size)).bytes, { algorithms: ['sha256'] });
    const found = await cacache.verify(folder.path);
    assert.deepEqual([found.badContentCount, found.verifiedContent], [0, 4]);
    let listed = 0;
    for await (const _ of store.list()) listed++;
    assert.equal(listed, 4);
  });
});

suite('damage', () => {
  const damages: Record<string, (path: string) => void> = {
    'a flipped bit': (path) => {
      const bytes = readFileSync(path);
      bytes[7] = (bytes[7] as number) ^ 0x10;
      writeFileSync(path, bytes);
    },
    'cut short': (path) => truncateSync(path, 100),
    'a byte too many': (path) => appendFileSync(path, 'x'),
    empty: (path) => truncateSync(path, 0),
    'a folder in its place': (path) => {
      rmSync(path);
      mkdirSync(join(path, 'inside'), { recursive: true });
    },
    'a link in its place': (path) => {
      const bytes = readFileSync(path);
      rmSync(path);
      writeFileSync(`${path}.elsewhere`, bytes);
      symlinkSync(`${path}.elsewhere`, path);
    },
    'a pipe in its place': (path) => {
      rmSync(path);
      execFileSync('mkfifo', [path]);
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    test(`${name}: refused, out of the way, healed`, async () => {
      using folder = temporaryFolder();
      const store = await DiskStore.open(folder.path);
      for (const size of [5000, 1_500_000]) {
        const { cid, bytes } = await putRandom(store, size);
        const path = contentPath(folder.path, digestHex(cid));
        damage(path);
        await rejects(collect(store.get(cid)), 'BLOB_DAMAGED');
        assert.ok(!existsSync(path));
        await store.put(stream([bytes]), { expect: cid });
        damage(path);
        await store.put(bytes);
        assert.ok(bytes.equals(await store.read(cid)), 'healed unread');
        damage(path);
        const verdicts = [];
        for await (const verdict of store.verify()) if (verdict.cid.equals(cid)) verdicts.push(verdict.ok);
        assert.deepEqual(verdicts, [false]);
        await store.put(bytes);
        assert.ok(bytes.equals(await store.read(cid)));
        assert.deepEqual(unfinished(folder.path), []);
      }
    });
  }

  test('a file once verified is not trusted after a change, even one that keeps size and mtime', async () => {
    using folder = temporaryFolder();
    // A clock far ahead: every file counts as settled, so verifications are remembered.
    const store = await DiskStore.open(folder.path, { clock: aheadClock });
    const { cid, bytes } = await putRandom(store, 1_500_000);
    assert.ok(bytes.equals(await store.read(cid)));
    const path = contentPath(folder.path, digestHex(cid));
    utimesSync(path, 1000, 1000);
    assert.ok(bytes.equals(await store.read(cid)), 'verified anew, and remembered');
    const changed = Buffer.from(bytes);
    changed[1_400_000] = (changed[1_400_000] as number) ^ 1;
    writeFileSync(path, changed);
    utimesSync(path, 1000, 1000);
    await rejects(collect(store.get(cid, { start: 0, end: 10 })), 'BLOB_DAMAGED');
  });

  test('what heals between seeing the damage and moving it away stays', async () => {
    using folder = temporaryFolder();
    const store = await DiskStore.open(folder.path);
    const { cid, bytes } = await putRandom(store, 5000);
    const path = contentPath(folder.path, digestHex(cid));
    writeFileSync(path, 'damaged');
    const seen = statSync(path, { bigint: true });
    // The damaged file stays in existence, as it does while the reader that saw it has it open.
    renameSync(path, join(folder.path, 'seen'));
    await store.put(bytes);
    setAside(folder.path, digestHex(cid), seen);
    assert.ok(bytes.equals(await store.read(cid)));
    assert.deepEqual(unfinished(folder.path), []);
  });

  test('a blob cut while it is being read ends in an error, not in short data', async () => {
    using folder = temporaryFolder();
    const store = await DiskStore.open(folder.path);
    const { cid } = await putRandom(store, 3_000_000);
    let given = 0;
    await rejects(
      (async () => {
        for await (const chunk of store.get(cid)) {
          if (given === 0) truncateSync(contentPath(folder.path, digestHex(cid)), 1_200_000);
          given += chunk.length;
        }
      })(),
      'BLOB_DAMAGED',
    );
    assert.ok(given < 3_000_000);
  });
});

suite('a store that cannot be written', () => {
  test('a full disk: STORE_FULL, nothing stays behind, and it works again with space', async (t) => {
    using disk = mountTmpfs('size=3m');
    if (disk === undefined) return t.skip('mounting a tmpfs needs root');
    const store = await DiskStore.open(disk.path);
    const kept = await putRandom(store, 1_000_000);
    await rejects(store.put(randomBytes(4_000_000)), 'STORE_FULL');
    await rejects(store.put(stream(Array.from({ length: 40 }, () => randomBytes(100_000)))), 'STORE_FULL');
    assert.deepEqual(unfinished(disk.path), []);
    assert.ok(kept.bytes.equals(await store.read(kept.cid)));
    await store.delete(kept.cid);
    await putRandom(store, 2_000_000);
  });

  test('a read-only disk: reads work, writes say STORE_UNWRITABLE', async (t) => {
    using disk = mountTmpfs('size=3m');
    if (disk === undefined) return t.skip('mounting a tmpfs needs root');
    const kept = await putRandom(await DiskStore.open(disk.path), 10_000);
    disk.remount('ro');
    const store = await DiskStore.open(disk.path);
    assert.ok(kept.bytes.equals(await store.read(kept.cid)));
    await rejects(store.put(randomBytes(5000)), 'STORE_UNWRITABLE');
    await rejects(store.delete(kept.cid), 'STORE_UNWRITABLE');
    await rejects(DiskStore.open(join(disk.path, 'new')), 'STORE_UNWRITABLE');
    disk.remount('rw');
  });

  test('folders without permission', async (t) => {
    if (isRoot) return t.skip('root may write everywhere');
    using folder = temporaryFolder();
    const store = await DiskStore.open(folder.path);
    chmodSync(join(folder.path, 'tmp'), 0o500);
    await rejects(store.put(randomBytes(5000)), 'STORE_UNWRITABLE');
    chmodSync(join(folder.path, 'tmp'), 0o700);
  });

  test('a file where the store should be', async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, 'file'), '');
    await rejects(DiskStore.open(join(folder.path, 'file')), 'STORE_UNWRITABLE');
  });
});

test('settle makes adopted blobs durable and names absent ones', async () => {
  using folder = temporaryFolder();
  const store = await DiskStore.open(folder.path);
  const { cid } = await putRandom(store, 5000);
  await store.settle([cid, cid]);
  await rejects(store.settle([cid, Cid.ofBlob(randomBytes(4))]), 'BLOB_MISSING');
});

test('foreign files in the content folders are passed over', async () => {
  using folder = temporaryFolder();
  const store = await DiskStore.open(folder.path);
  const { cid } = await putRandom(store, 5000);
  const top = join(folder.path, 'content-v2', 'sha256');
  writeFileSync(join(top, 'README'), 'x');
  mkdirSync(join(top, 'zz', 'zz'), { recursive: true });
  writeFileSync(join(top, 'zz', 'zz', 'x'.repeat(60)), 'x');
  const seen: string[] = [];
  for await (const blob of store.list()) seen.push(blob.cid.toString());
  for await (const blob of store.verify()) seen.push(blob.cid.toString());
  assert.deepEqual(seen, [cid.toString(), cid.toString()]);
  assert.deepEqual(readdirSync(join(top, 'zz', 'zz')), ['x'.repeat(60)]);
});

const aheadClock = { now: () => Date.now() + 3_600_000, monotonic: () => 0, after: () => () => undefined };

async function putRandom(store: DiskStore, size: number): Promise<{ cid: Cid.CID; bytes: Buffer }> {
  const bytes = randomBytes(size);
  return { cid: (await store.put(bytes)).cid, bytes };
}
