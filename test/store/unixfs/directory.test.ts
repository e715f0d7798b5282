import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { isDocketError } from '../../../src/errors.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import { blocksOf, fileCid } from '../../../src/store/unixfs/file-hash.ts';
import { importUnixFs } from '../../../src/store/unixfs/import-folder.ts';
import { follow } from '../../../src/store/unixfs/path.ts';
import { imported, importedFolder, link, node, sample } from './helpers.ts';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

const FILES = {
  'a.txt': text('one'),
  empty: new Uint8Array(),
  'large.bin': sample(600_000),
  'b/c/deep.wasm': text('deep'),
  'b/ü name%.txt': text('odd'),
  'B.txt': text('capital'),
};

async function refused(work: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isDocketError(error, 'RESOURCE_INVALID'), String(error));
    assert.match(error.message, message);
    return true;
  });
}

function blocksIn(blocks: ReadonlyMap<string, Uint8Array>) {
  const asked: string[] = [];
  return {
    asked,
    get: async (cid: Cid.CID): Promise<Uint8Array> => {
      asked.push(cid.toString());
      const block = blocks.get(cid.toString());
      if (block === undefined) throw new Error(`asked for ${cid}`);
      return block;
    },
  };
}

suite('a folder as IPFS names it', () => {
  async function named(make: (dir: string) => void) {
    const dir = mkdtempSync(join(tmpdir(), 'docket-unixfs-'));
    try {
      make(dir);
      const store = new MemoryStore();
      return { store, ...(await importUnixFs(store, dir, { nameFile: (blob) => fileCid(store.get(blob)) })) };
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
  const write = (dir: string, files: Readonly<Record<string, Uint8Array>>): void => {
    for (const [path, bytes] of Object.entries(files)) {
      mkdirSync(join(dir, path, '..'), { recursive: true });
      writeFileSync(join(dir, path), bytes);
    }
  };

  test('is what another implementation makes of it, and what is hidden is left out', async () => {
    const expected = await importedFolder(FILES);
    const { store, cid, bytes } = await named((dir) => write(dir, { ...FILES, '.hidden': text('h'), 'b/.git/config': text('h') }));
    assert.equal(cid.toString(), expected.cid.toString());
    assert.equal(
      bytes,
      Object.values(FILES).reduce((sum, { length }) => sum + length, 0),
    );
    // Its nodes are here, as blobs of the same hash.
    const get = (block: Cid.CID): Promise<Uint8Array> => store.read(Cid.fromSha256(block.multihash.digest));
    assert.deepEqual(await follow(cid, ['b', 'c', 'deep.wasm'], { get }), Cid.ofBlob(FILES['b/c/deep.wasm']));
  });

  test('empty, and with folders in it of which nothing is taken', async () => {
    // The name that every IPFS node knows it by.
    const nothing = 'bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354';
    assert.equal((await named(() => {})).cid.toString(), nothing);
    const { store, cid } = await named((dir) => write(dir, { 'only/.hidden': text('h') }));
    const get = (block: Cid.CID): Promise<Uint8Array> => store.read(Cid.fromSha256(block.multihash.digest));
    assert.equal((await follow(cid, ['only'], { get })).toString(), nothing);
  });

  test('with a link, which leads to no file', async () => {
    const { store, cid } = await named((dir) => {
      write(dir, { a: text('a') });
      symlinkSync('a', join(dir, 'to-a'));
    });
    const get = (block: Cid.CID): Promise<Uint8Array> => store.read(Cid.fromSha256(block.multihash.digest));
    const found = await follow(cid, ['to-a'], { get });
    // dag-pb of the data {type: symlink, data: "a"}.
    assert.deepEqual(await get(found), Uint8Array.of(0x0a, 0x05, 0x08, 0x04, 0x12, 0x01, 0x61));
    await refused(follow(cid, ['to-a', 'x'], { get }), /it is a symlink, and not a directory/);
  });

  test('with so many entries that IPFS would cut it up is refused', async () => {
    await assert.rejects(
      named((dir) => write(dir, Object.fromEntries(Array.from({ length: 1200 }, (_, i) => [`${i}-${'x'.repeat(200)}`, text('')])))),
      /sharded directory/,
    );
  });
});

test('the size of all blocks of a file follows from that of the file', async () => {
  for (const size of [0, 1, 262_144, 262_145, 600_000, 262_144 * 174, 262_144 * 174 + 1]) {
    const { blocks } = await imported(sample(size));
    assert.equal(
      blocksOf(size),
      [...blocks.values()].reduce((sum, { length }) => sum + length, 0),
    );
  }
});

suite('paths', () => {
  test('lead through directories, block by block, and no further than they have to', async () => {
    const { cid, blocks } = await importedFolder(FILES);
    const from = blocksIn(blocks);
    assert.deepEqual(await follow(cid, ['b', 'ü name%.txt'], from), Cid.ofBlob(FILES['b/ü name%.txt']));
    assert.equal(from.asked.length, 2);
    assert.ok(Cid.isUnixFs(await follow(cid, ['large.bin'], from)));
    await refused(follow(cid, ['b', 'c', 'none'], from), /\/b\/c has nothing called "none"/);
    await refused(follow(cid, ['A.TXT'], from), /nothing called "A.TXT"/);
    await refused(follow(cid, ['a.txt', 'x'], from), /a\.txt is a file, and not a directory/);
    await refused(follow(cid, ['large.bin', 'x'], from), /it is a file, and not a directory/);
    await refused(follow(cid, ['__proto__'], from), /nothing called/);
  });

  test('lead through sharded directories', async () => {
    const files = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`file ${i} ${'ü'.repeat(i % 40)}`, text(String(i))]));
    const { cid, blocks } = await importedFolder(files, { shardSplitThresholdBytes: 1 });
    const from = blocksIn(blocks);
    for (const [name, bytes] of Object.entries(files)) assert.deepEqual(await follow(cid, [name], from), Cid.ofBlob(bytes));
    assert.ok(from.asked.length > 3_000, 'there was a second level');
    await refused(follow(cid, ['file x'], from), /nothing called/);
    // The name of a shard is none of an entry.
    await refused(follow(cid, [''], from), /nothing called|more levels/);
    await refused(follow(cid, ['0A'], from), /nothing called/);
  });

  test('end at blocks that lie, are too large, or are none of a directory', async () => {
    const { cid, blocks } = await importedFolder(FILES);
    const lie = async (bytes: Uint8Array): Promise<Uint8Array> => bytes;
    await refused(follow(cid, ['a.txt'], { get: () => lie(text('lies')) }), /are others/);
    await refused(follow(cid, ['a.txt'], { get: () => lie(new Uint8Array(5 * 2 ** 20)) }), /more than 4194304 bytes/);
    const other = await importedFolder({ x: text('x') });
    await refused(follow(cid, ['a.txt'], { get: () => lie(other.blocks.get(other.cid.toString())!) }), /are others/);
    const blob = Cid.ofBlob(text('x'));
    const trusting = (bytes: Uint8Array) =>
      follow(Cid.ofUnixFs(bytes), ['x'], blocksIn(new Map([[Cid.ofUnixFs(bytes).toString(), bytes]])));
    await refused(trusting(text('no protobuf')), /.*/);
    await refused(trusting(node([link(blob, 'x'), link(blob, 'x')], [8, 1])), /2 entries of one name/);
    await refused(trusting(node([link(blob, 'x')], [8, 2])), /it is a file, and not a directory/);
    await refused(trusting(node([link(blob, 'x')], [8, 3])), /it is metadata/);
    await refused(trusting(node([link(blob, 'x')], [8, 9])), /unknown type 9/);
    await refused(trusting(node([link(blob, 'x')], undefined)), /without data/);
    await refused(trusting(node([link(blob, 'x')], [])), /does not say what it is/);
    // A shard of another hash, and of another width.
    await refused(trusting(node([link(blob, 'x')], [8, 5, 0x28, 0x23, 0x30, 0x80, 2])), /another hash or width/);
    await refused(trusting(node([link(blob, 'x')], [8, 5, 0x28, 0x22, 0x30, 8])), /another hash or width/);
    assert.deepEqual(await trusting(node([link(blob, 'x')], [8, 1])), blob);
    assert.ok(blocks.size > 0);
  });

  test('that go round in a circle of shards end, since there are no more levels than bytes of a hash', async () => {
    // No block can name itself: one that is given for each stands for a circle, if only hashes were not looked at. So each is made for the next.
    let cid = Cid.ofBlob(text('end'));
    const blocks = new Map<string, Uint8Array>();
    const shard = [8, 5, 0x28, 0x22, 0x30, 0x80, 2];
    for (let level = 20; level >= 0; level--) {
      const links = Array.from({ length: 256 }, (_, i) => link(cid, i.toString(16).toUpperCase().padStart(2, '0')));
      const bytes = node(links, shard);
      cid = Cid.ofUnixFs(bytes);
      blocks.set(cid.toString(), bytes);
    }
    const from = blocksIn(blocks);
    await refused(follow(cid, ['x'], from), /more levels than there are/);
    assert.equal(from.asked.length, 9);
  });
});
