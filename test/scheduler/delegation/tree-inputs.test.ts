import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DocketError } from '../../../src/errors.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { BlobView } from '../../../src/scheduler/blob-view.ts';
import { TreeInputs } from '../../../src/scheduler/delegation/tree-inputs.ts';
import * as Tree from '../../../src/store/tree.ts';
import { Bench, gives, nameOf } from '../harness.ts';
import { planOf } from '../helpers.ts';
import { Yard } from './signing-member.ts';

/** Trees of so many files of 1, 2, 3 … bytes, and how often each was read. */
class Shelf {
  readonly reads: string[] = [];
  readonly #trees = new Map<string, Uint8Array>();
  readonly view: BlobView;

  constructor() {
    const read = (cid: Cid.CID): Uint8Array => {
      this.reads.push(cid.toString());
      const bytes = this.#trees.get(cid.toString());
      if (bytes === undefined) throw new DocketError('BLOB_DAMAGED', 'the blob is damaged');
      return bytes;
    };
    this.view = new BlobView({ small: () => undefined, has: () => true, alias: () => undefined, read });
  }

  tree(files: number, name = 'file'): Cid.CID {
    const entries = Array.from({ length: files }, (_, i) => [
      `d/${name}${i}`,
      { cid: Cid.ofBlob(Buffer.from(`${name} ${i}`)), size: i + 1, executable: false },
    ]);
    const bytes = Tree.encode(Object.fromEntries([...entries, ['empty', { directory: true }], ['link', { link: 'd' }]]) as Tree.Tree);
    const cid = Cid.ofTree(bytes);
    this.#trees.set(cid.toString(), bytes);
    return cid;
  }
}

describe('input trees', () => {
  it('of few files are weighed file by file', () => {
    const shelf = new Shelf();
    const sizes = new TreeInputs().of(shelf.tree(32), shelf.view).map(({ size }) => size);
    assert.deepEqual(
      sizes,
      Array.from({ length: 32 }, (_, i) => 32 - i),
    );
  });

  it('of many are read once, and weighed by their largest files and one more for the others', () => {
    const shelf = new Shelf();
    const trees = new TreeInputs();
    const cid = shelf.tree(10_000);
    for (let looks = 0; looks < 100; looks++) assert.equal(trees.of(cid, shelf.view).length, 33);
    assert.equal(shelf.reads.length, 1);
    const weighed = trees.of(cid, shelf.view);
    assert.equal(
      weighed.reduce((sum, { size }) => sum + size, 0),
      (10_000 * 10_001) / 2,
    );
    assert.equal(weighed[0]!.size, 10_000);
    assert.equal(weighed[32]!.cid.toString(), Cid.ofBlob(Buffer.from(`file ${10_000 - 33}`)).toString());
  });

  it('that were asked for last are remembered, and no more than so many', () => {
    const shelf = new Shelf();
    const trees = new TreeInputs();
    const cids = Array.from({ length: 1_025 }, (_, i) => shelf.tree(1, `file ${i} `));
    const [first, second] = cids as [Cid.CID, Cid.CID];
    for (const cid of cids.slice(0, 1_024)) trees.of(cid, shelf.view);
    trees.of(first, shelf.view);
    trees.of(cids[1_024]!, shelf.view);
    assert.equal(shelf.reads.length, 1_025);
    trees.of(first, shelf.view);
    assert.equal(shelf.reads.length, 1_025);
    trees.of(second, shelf.view);
    assert.equal(shelf.reads.length, 1_026);
  });

  for (const [where, more] of [
    ['alone', () => ({})],
    ['with members', (yard: Yard) => yard.options({ here: { ops: ['wasm/run'], tags: {}, memory: 1, slots: 2 } })],
  ] as const)
    it(`that cannot be read fail the task they are for, and no other, ${where}`, async () => {
      await using bench = await Bench.open();
      const yard = new Yard();
      const { holders } = yard.delegation;
      yard.member().join();
      holders.add('did:key:somebody', [{ cid: Cid.ofBlob(Buffer.from('something')), size: 9 }]);
      const rotten = Cid.ofTree(Buffer.from('a tree that rotted'));
      const read = (): never => {
        throw new DocketError('BLOB_DAMAGED', 'the blob is damaged');
      };
      const blobs = new BlobView({ small: () => undefined, has: () => true, alias: () => undefined, read }, holders);
      const plan = planOf([{ name: 'a', input: { dir: rotten } }, { name: 'b' }]);
      const result = await bench.run(plan, (job) => gives(nameOf(job))(job), { ...more(yard), blobs });
      assert.deepEqual([result.tasks.ran, result.tasks.failed, result.errors[0]?.code], [1, 1, 'unfetched']);
    });
});
