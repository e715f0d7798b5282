import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Look } from '../../../src/agent/mesh/host-look.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { BlobView, hexOf } from '../../../src/scheduler/blob-view.ts';
import { KnownTrees } from '../../../src/store/known-trees.ts';
import * as Tree from '../../../src/store/tree.ts';
import { Hosting, offered } from './hosting.ts';

/** Blobs in memory, and what is asked of them. */
class Shelf {
  readonly blobs = new Map<string, Uint8Array>();
  looks = 0;
  reads = 0;
  readonly view = new BlobView({
    small: (digest) => this.blobs.get(digest),
    has: (cid) => {
      this.looks++;
      return this.blobs.has(hexOf(cid));
    },
    read: (cid) => {
      this.reads++;
      return this.blobs.get(hexOf(cid))!;
    },
    alias: () => undefined,
    size: (cid) => this.blobs.get(hexOf(cid))?.length,
    trees: new KnownTrees(),
  });

  /** A tree of so many files, all of them here. */
  tree(files: number, seed = ''): Cid.CID {
    const entries = Array.from({ length: files }, (_, i) => {
      const bytes = Buffer.from(`${seed}${i}`);
      const cid = Cid.ofBlob(bytes);
      this.blobs.set(hexOf(cid), bytes);
      return [`file-${i}`, { cid, size: bytes.length, executable: false }] as const;
    });
    const bytes = Tree.encode(Object.fromEntries(entries));
    const cid = Cid.ofTree(bytes);
    this.blobs.set(hexOf(cid), bytes);
    return cid;
  }
}

suite('blobs of tasks that were offered together', () => {
  test('are looked at once, and a tree is decoded once', () => {
    const shelf = new Shelf();
    const [tree, look] = [shelf.tree(100), new Look(shelf.view)];
    for (let task = 0; task < 64; task++) assert.equal(look.atOnce(['module', tree, task]), true);
    assert.deepEqual([shelf.looks, shelf.reads], [101, 1]);
    assert.equal(new Look(shelf.view).atOnce(tree), true);
    assert.deepEqual([shelf.looks, shelf.reads], [202, 1]);
  });

  test('that are not all here are found lacking, each time anew', () => {
    const shelf = new Shelf();
    const [tree, look] = [shelf.tree(3), new Look(shelf.view)];
    const file = hexOf(Cid.ofBlob(Buffer.from('1')));
    const bytes = shelf.blobs.get(file)!;
    shelf.blobs.delete(file);
    assert.equal(look.atOnce(tree), false);
    shelf.blobs.set(file, bytes);
    assert.equal(look.atOnce(tree), true);
  });

  test('that are many are not looked at in one turn, and others have turns in between', async () => {
    const shelf = new Shelf();
    const look = new Look(shelf.view);
    const trees = Array.from({ length: 8 }, (_, i) => shelf.tree(1_000, `${i}-`));
    const now = trees.map((tree) => look.atOnce(tree));
    assert.equal(now[0], true);
    assert.equal(now.at(-1), undefined);
    assert.ok(shelf.looks <= 2_048 + 8, `${shelf.looks} were looked at`);
    const before = shelf.looks;
    let between: number | undefined;
    setImmediate(() => (between = shelf.looks));
    assert.equal(await look.inTurns(trees), true);
    assert.ok(between !== undefined && between - before <= 1_024, 'a turn came early');
    const looks = shelf.looks;
    assert.equal(await look.inTurns(trees), true);
    assert.equal(shelf.looks, looks, 'and none is looked at again');
  });

  test('are found where they are many: all tasks are run', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    const shelf = new Shelf();
    const tree = shelf.tree(3_000);
    const large = shelf.blobs.get(hexOf(tree))!;
    shelf.blobs.delete(hexOf(tree));
    await hosting.engine.store.put(large);
    await hosting.engine.ledger.commit([{ kind: 'small', blobs: shelf.blobs }]);
    coordinator.offer(Array.from({ length: 4 }, (_, task) => offered({ task, args: [tree, task] })));
    for (let task = 0; task < 4; task++) await coordinator.end(task);
  });
});

test('trees are kept decoded as far as there is room', () => {
  const known = new KnownTrees();
  const shelf = new Shelf();
  const trees = [shelf.tree(40_000, 'a'), shelf.tree(20_000, 'b'), shelf.tree(30_000, 'c'), shelf.tree(70_000, 'd')];
  const read = (at: number): boolean => {
    const before = shelf.reads;
    known.of(trees[at]!, () => shelf.view.read(trees[at]!));
    return shelf.reads > before;
  };
  assert.deepEqual([0, 1, 0, 1].map(read), [true, true, false, false]);
  assert.deepEqual([2, 1, 2, 0].map(read), [true, false, false, true], 'the one that was used longest ago went');
  assert.deepEqual([3, 3].map(read), [true, true], 'one that is larger than that is not kept');
  assert.equal(read(0), false);
});
