import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { fixedSize } from 'ipfs-unixfs-importer/chunker';
import { balanced, trickle } from 'ipfs-unixfs-importer/layout';
import { DocketError, isDocketError, type ErrorCode } from '../../../src/errors.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { CarBlocks } from '../../../src/store/unixfs/car.ts';
import { type Blocks, fileBytes } from '../../../src/store/unixfs/rebuild.ts';
import { car, DEFAULT, type Imported, imported, sample, varint } from './helpers.ts';

const LIMIT = 2 ** 30;

function from(blocks: ReadonlyMap<string, Uint8Array>): Blocks {
  return {
    async get(cid) {
      const block = blocks.get(cid.toString());
      if (block === undefined) throw new DocketError('RESOURCE_UNREACHABLE', `${cid} is nowhere`);
      return block;
    },
  };
}

const NOWHERE = from(new Map());

async function rebuilt(cid: Cid.CID, blocks: Blocks, limit = LIMIT): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(fileBytes(cid, blocks, { limit })));
}

async function refuses(cid: Cid.CID, blocks: Blocks, message: RegExp, code: ErrorCode = 'RESOURCE_INVALID', limit = LIMIT): Promise<void> {
  await assert.rejects(rebuilt(cid, blocks, limit), (error) => {
    assert.ok(isDocketError(error, code), String(error));
    assert.match(error.message, message);
    return true;
  });
}

/** Parents before their children, as gateways send them. */
function inOrder({ blocks }: Imported): [Cid.CID, Uint8Array][] {
  return [...blocks].toReversed().map(([cid, block]) => [Cid.parse(cid), block]);
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A node with these fields of UnixFS data, as bytes, and links. */
function node(data: Uint8Array, links: readonly Cid.CID[] = []): { readonly cid: Cid.CID; readonly bytes: Uint8Array } {
  const field = (number: number, value: Uint8Array): Uint8Array => Buffer.concat([varint(number * 8 + 2), varint(value.length), value]);
  const bytes = Buffer.concat([...links.map((cid) => field(2, field(1, cid.bytes))), field(1, data)]);
  return { cid: Cid.ofUnixFs(bytes), bytes };
}

const data = (type: number, sizes: readonly number[] = []): Uint8Array =>
  Buffer.concat(
    [[8, type], [0x18], varint(sizes.reduce((a, b) => a + b, 0)), ...sizes.map((size) => [0x20, ...varint(size)])].map((part) =>
      Uint8Array.from(part),
    ),
  );

function all(...nodes: readonly { readonly cid: Cid.CID; readonly bytes: Uint8Array }[]): Blocks {
  return from(new Map(nodes.map(({ cid, bytes }) => [cid.toString(), bytes])));
}

suite('a file is rebuilt from blocks', () => {
  const layouts = {
    default: DEFAULT,
    'nodes as leaves': { ...DEFAULT, cidVersion: 0, rawLeaves: false },
    'raw nodes as leaves': { ...DEFAULT, rawLeaves: false, leafType: 'raw' },
    'two links a node': { ...DEFAULT, chunker: fixedSize({ chunkSize: 100 }), layout: balanced({ maxChildrenPerNode: 2 }) },
    trickle: { ...DEFAULT, chunker: fixedSize({ chunkSize: 1000 }), layout: trickle() },
  } as const;
  for (const [name, options] of Object.entries(layouts))
    test(`whatever its layout: ${name}`, async () => {
      for (const size of [1, 999, 20_001, 300_000]) {
        const bytes = sample(name === 'two links a node' ? size % 50_000 : size);
        const { cid, blocks } = await imported(bytes, options);
        const byV1 = new Map([...blocks].map(([key, block]) => [Cid.parse(key).toV1().toString(), block]));
        assert.deepEqual(await rebuilt(cid.toV1(), from(byV1)), Buffer.from(bytes));
      }
    });

  test('of a CAR, in order or not, in pieces of any size', async () => {
    const bytes = sample(2_000_000);
    const made = await imported(bytes);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 300_000 }), fc.boolean(), fc.boolean(), async (size, isReverse, hasMore) => {
        const blocks = isReverse ? inOrder(made).toReversed() : inOrder(made);
        const whole = car([made.cid], hasMore ? [...blocks, ...blocks] : blocks);
        await using source = new CarBlocks(pieces(whole, Math.max(size, 500)), NOWHERE);
        assert.deepEqual(await rebuilt(made.cid, source), Buffer.from(bytes));
      }),
      { numRuns: 20 },
    );
    await using byBytes = new CarBlocks(pieces(car([made.cid], inOrder(await imported(sample(300_000)))), 1), NOWHERE);
    assert.equal((await rebuilt((await imported(sample(300_000))).cid, byBytes)).length, 300_000);
  });

  test('what a CAR leaves out is asked for elsewhere', async () => {
    const made = await imported(sample(2_000_000));
    const blocks = inOrder(made).filter((_, i) => i !== 3);
    await using source = new CarBlocks(pieces(car([], blocks), 65_536), from(made.blocks));
    assert.equal((await rebuilt(made.cid, source)).length, 2_000_000);
    await using alone = new CarBlocks(pieces(car([], blocks), 65_536), NOWHERE);
    await refuses(made.cid, alone, /nowhere/, 'RESOURCE_UNREACHABLE');
  });

  test('a chunk that comes again and again is sent once', async () => {
    const bytes = new Uint8Array(40 * 262_144);
    const made = await imported(bytes);
    assert.equal(made.blocks.size, 2);
    await using source = new CarBlocks(pieces(car([made.cid], inOrder(made)), 65_536), NOWHERE);
    assert.deepEqual(await rebuilt(made.cid, source), Buffer.from(bytes));
  });
});

suite('hostile blocks', () => {
  const leaf = { cid: Cid.ofBlob(Uint8Array.of(1, 2, 3)), bytes: Uint8Array.of(1, 2, 3) };

  test('bytes of another block are refused', async () => {
    const made = await imported(sample(1_000_000));
    for (const name of made.blocks.keys()) {
      const lying = new Map(
        [...made.blocks].map(([key, block]) => [
          key,
          key === name ? Uint8Array.from(block, (byte, i) => (i === 9 ? byte ^ 1 : byte)) : block,
        ]),
      );
      await refuses(made.cid, from(lying), /are others/);
    }
  });

  test('sizes that do not add up are refused', async () => {
    const shorter = node(data(2, [2]), [leaf.cid]);
    await refuses(shorter.cid, all(shorter, leaf), /is 3 bytes where a node above it says 2/);
    const more = node(data(2, [3, 3]), [leaf.cid]);
    await refuses(more.cid, all(more, leaf), /1 links and the sizes of 2/);
    const total = node(Uint8Array.from([8, 2, 0x18, 9, 0x20, 3]), [leaf.cid]);
    await refuses(total.cid, all(total, leaf), /says that it is 9 bytes, and its parts make 3/);
  });

  test('what is larger than allowed is refused before its parts are asked for', async () => {
    const made = await imported(sample(600_000));
    const root = new Map([[made.cid.toString(), made.blocks.get(made.cid.toString())!]]);
    await refuses(made.cid, from(root), /600000 bytes or more, and 599999 are allowed/, 'BLOB_TOO_LARGE', 599_999);
  });

  test('directories, shards, symlinks and unknown types are refused by name', async () => {
    for (const [type, name] of [
      [1, /directory/],
      [5, /HAMT/],
      [4, /symlink/],
      [3, /metadata/],
      [9, /unknown type 9/],
    ] as const) {
      const root = node(data(type));
      await refuses(root.cid, all(root), name);
    }
  });

  test('links to identity CIDs, other codecs and other hashes are refused', async () => {
    const identity = Cid.CID.parse('bafkqabtimvwgy3yk');
    const cbor = Cid.ofTree(Uint8Array.of(0xa0));
    const sha3 = Cid.ofValue('x');
    for (const cid of [identity, cbor, sha3]) {
      const root = node(data(2, [3]), [cid]);
      await refuses(root.cid, all(root), cid === identity ? /identity CID/ : /neither dag-pb nor raw/);
    }
  });

  test('a small graph that unfolds without end is refused', async () => {
    const empty = node(data(2));
    const wide = node(
      data(
        2,
        Array.from({ length: 1000 }, () => 0),
      ),
      Array.from({ length: 1000 }, () => empty.cid),
    );
    await refuses(wide.cid, all(wide, empty), /links to something empty/);
    let deep = node(data(2, [3]), [leaf.cid]);
    const tower = [deep];
    for (let size = 3, i = 0; i < 40; i++, size += 3) tower.push((deep = node(data(2, [size, 3]), [deep.cid, leaf.cid])));
    await refuses(deep.cid, all(...tower, leaf), /levels deep/);
    assert.equal((await rebuilt(tower[20]!.cid, all(...tower, leaf))).length, 63);
    let double = node(data(2, [3]), [leaf.cid]);
    const doubles = [double];
    for (let size = 3, i = 0; i < 30; i++, size *= 2) doubles.push((double = node(data(2, [size, size]), [double.cid, double.cid])));
    await refuses(double.cid, all(...doubles, leaf), /are allowed/, 'BLOB_TOO_LARGE');
  });

  test('numbers that are too long or too large, and cut messages, are refused', async () => {
    const long = node(Uint8Array.from([8, 0x82, 0x00]));
    await refuses(long.cid, all(long), /longer than it need be/);
    const large = node(Uint8Array.from([8, 2, 0x18, ...Array.from({ length: 9 }, () => 0xff), 1]));
    await refuses(large.cid, all(large), /above 2\^53/);
    const cut = node(Uint8Array.from([8, 2, 0x18, 0xff]));
    await refuses(cut.cid, all(cut), /ends inside of a number/);
    const fixed = node(Uint8Array.from([8, 2, 0x0d, 1, 2, 3, 4]));
    await refuses(fixed.cid, all(fixed), /wire type 5/);
    const bytes = Uint8Array.of(0x0a, 0x7f);
    await refuses(Cid.ofUnixFs(bytes), all({ cid: Cid.ofUnixFs(bytes), bytes }), /longer than what holds it/);
  });

  test('any bytes are a file or are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const cid = Cid.ofUnixFs(bytes);
        await rebuilt(cid, all({ cid, bytes })).catch((error: unknown) => assert.ok(isDocketError(error), String(error)));
      }),
    );
  });

  test('a real node with any byte changed is a file or is refused', async () => {
    const made = await imported(sample(600_000));
    const root = made.blocks.get(made.cid.toString())!;
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: root.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const bytes = Uint8Array.from(root, (byte, i) => (i === at ? byte ^ flip : byte));
        const cid = Cid.ofUnixFs(bytes);
        const blocks = from(new Map([...made.blocks, [cid.toString(), bytes]]));
        await rebuilt(cid, blocks, 1_000_000).catch((error: unknown) => assert.ok(isDocketError(error), String(error)));
      }),
    );
  });

  test('what is no CAR is refused', async () => {
    const { cid } = await imported(sample(600_000));
    const whole = car([cid], []);
    const cases: [Uint8Array, RegExp][] = [
      [Buffer.from('<html>no</html>'), /header cannot be read|ends in the middle/],
      [Uint8Array.from([0x0a, 0xa1, 0x67, ...Buffer.from('version'), 0x02]), /version 2/],
      [Uint8Array.from([0xff, 0xff, 0xff, 0x7f]), /does not begin as a CAR/],
      [Buffer.concat([whole, varint(2 ** 30)]), /block of 1073741824 bytes/],
      [Buffer.concat([whole, varint(3), Uint8Array.of(1, 2, 3)]), /CID cannot be read/],
      [Buffer.concat([whole, varint(100), Uint8Array.of(1)]), /middle of a block/],
      [Buffer.concat([whole, Uint8Array.of(0x80)]), /middle of a block/],
      [Buffer.concat([whole, Uint8Array.of(0x80, 0)]), /longer than it need be/],
    ];
    for (const [bytes, message] of cases) {
      await using source = new CarBlocks(pieces(bytes, 7), NOWHERE);
      await refuses(cid, source, message);
    }
  });
});
