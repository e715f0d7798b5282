import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { isDocketError } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { digestHex } from '../../src/store/digest.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { contentPath } from '../../src/store/paths.ts';
import { stage } from '../../src/store/staging.ts';
import { mountTmpfs, temporaryFolder, unfinished } from './helpers.ts';

suite('a staged file', () => {
  test('is what a plain array would be, whatever is done to it', async () => {
    using folder = temporaryFolder();
    const store = await DiskStore.open(folder.path);
    const step = fc.oneof(
      fc.record({ do: fc.constant('write' as const), bytes: fc.uint8Array({ maxLength: 2000 }), at: fc.nat(6000) }),
      fc.record({ do: fc.constant('truncate' as const), at: fc.nat(6000) }),
      fc.record({ do: fc.constant('read' as const), at: fc.nat(8000) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
        using staged = stage(folder.path);
        let model = Buffer.alloc(0);
        const resize = (size: number): void => {
          const grown = Buffer.alloc(size);
          model.copy(grown);
          model = grown;
        };
        for (const one of steps) {
          if (one.do === 'write') {
            staged.write(one.bytes, one.at);
            if (one.bytes.length > 0) resize(Math.max(model.length, one.at + one.bytes.length));
            model.set(one.bytes, one.bytes.length > 0 ? one.at : 0);
          } else if (one.do === 'truncate') {
            staged.truncate(one.at);
            resize(one.at);
          } else {
            const target = new Uint8Array(500);
            const count = staged.read(target, one.at);
            assert.ok(model.subarray(one.at, one.at + 500).equals(target.subarray(0, count)));
          }
          assert.equal(staged.size, model.length);
        }
        const { cid, size } = staged.adopt();
        assert.deepEqual({ cid: cid.toString(), size }, { cid: Cid.ofBlob(model).toString(), size: model.length });
        await store.settle([cid]);
        assert.ok(model.equals(await store.read(cid)));
      }),
      { numRuns: 40 },
    );
    assert.deepEqual(unfinished(folder.path), []);
  });

  test('leaves nothing when discarded or disposed', async () => {
    using folder = temporaryFolder();
    await DiskStore.open(folder.path);
    {
      using staged = stage(folder.path);
      staged.write(Buffer.from('x'), 0);
      assert.equal(unfinished(folder.path).length, 1);
      staged.discard();
      staged.discard();
    }
    assert.deepEqual(unfinished(folder.path), []);
  });

  test('never replaces a good blob, and heals a damaged one', async () => {
    using folder = temporaryFolder();
    const store = await DiskStore.open(folder.path);
    const bytes = randomBytes(20_000);
    const { cid } = await store.put(bytes);
    const path = contentPath(folder.path, digestHex(cid));
    const adopt = (): void => {
      using staged = stage(folder.path);
      staged.write(bytes, 0);
      assert.ok(staged.adopt().cid.equals(cid));
    };
    const { ino } = statSync(path);
    adopt();
    assert.equal(statSync(path).ino, ino);
    writeFileSync(path, 'damaged');
    adopt();
    assert.ok(bytes.equals(readFileSync(path)));
    await store.delete(cid);
    mkdirSync(path, { recursive: true });
    adopt();
    assert.ok(bytes.equals(await store.read(cid)));
    assert.deepEqual(unfinished(folder.path), []);
  });

  test('a full disk is STORE_FULL', async (t) => {
    using disk = mountTmpfs('size=1m');
    if (disk === undefined) return t.skip('mounting a tmpfs needs root');
    await DiskStore.open(disk.path);
    {
      using staged = stage(disk.path);
      assert.throws(
        () => staged.write(randomBytes(2_000_000), 0),
        (error) => isDocketError(error, 'STORE_FULL'),
      );
    }
    assert.deepEqual(unfinished(disk.path), []);
  });
});

test('a slot process under --permission reads, stages and adopts; what it leaves when killed is swept', async () => {
  using folder = temporaryFolder();
  const store = await DiskStore.open(folder.path);
  const bytes = randomBytes(1_200_000);
  const { cid } = await store.put(bytes);
  const project = join(import.meta.dirname, '..', '..');
  const allowed = [project, folder.path].map((path) => `--allow-fs-read=${path}`);
  const slot = spawnSync(
    process.execPath,
    [
      '--permission',
      ...allowed,
      `--allow-fs-write=${folder.path}`,
      join(import.meta.dirname, 'slot-process.ts'),
      folder.path,
      cid.toString(),
    ],
    { encoding: 'utf8' },
  );
  assert.equal(slot.signal, 'SIGKILL', slot.stderr);
  const twice = Buffer.concat([bytes, bytes]);
  assert.deepEqual(slot.stdout.trim().split('\n'), [cid.toString(), Cid.ofBlob(twice).toString()]);
  assert.equal(unfinished(folder.path).length, 1);
  store.sweep();
  assert.deepEqual(unfinished(folder.path), []);
  await store.settle([Cid.ofBlob(twice)]);
  assert.ok(twice.equals(await store.read(Cid.ofBlob(twice))));
});
