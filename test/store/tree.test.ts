import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import * as Cid from '../../src/ipld/cid.ts';
import { encode as encodeCbor } from '../../src/ipld/dag-cbor.ts';
import { float, type Ipld } from '../../src/ipld/value.ts';
import { isDocketError } from '../../src/errors.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import * as Tree from '../../src/store/tree.ts';
import { rejects } from '../contract/store.ts';

const blob = Cid.ofBlob(Buffer.from('x'));
const file = { cid: blob, size: 1, executable: false };

function invalid(work: () => unknown): void {
  assert.throws(work, (error) => isDocketError(error, 'TREE_INVALID') || assert.fail(`expected TREE_INVALID, got ${error}`));
}

const part = fc
  .oneof(
    fc.constantFrom('a', 'b', '__proto__', 'constructor', 'ä', '…', '...', ' '),
    fc.string({ minLength: 1, maxLength: 4, unit: 'grapheme' }),
  )
  .filter((name) => !/[/\0]/.test(name) && name !== '.' && name !== '..');
const entry: fc.Arbitrary<Tree.TreeEntry> = fc.oneof(
  fc.record({ cid: fc.uint8Array({ maxLength: 9 }).map(Cid.ofBlob), size: fc.maxSafeNat(), executable: fc.boolean() }),
  fc.record({ link: fc.string({ minLength: 1, unit: 'grapheme' }).filter((target) => !target.includes('\0')) }),
  fc.constant({ directory: true as const }),
);
/** Entries whose paths clash with one before are left out. */
const tree: fc.Arbitrary<Tree.Tree> = fc
  .array(
    fc.tuple(
      fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
      entry,
    ),
    { maxLength: 12 },
  )
  .map((entries) => {
    const kept: [string, Tree.TreeEntry][] = [];
    for (const [path, value] of entries) {
      if (!kept.some(([other]) => other === path || other.startsWith(`${path}/`) || path.startsWith(`${other}/`))) kept.push([path, value]);
    }
    return Object.fromEntries(kept);
  });

suite('a tree', () => {
  test('comes back as it was, and has one encoding whatever the order of its paths', () => {
    fc.assert(
      fc.property(tree, (value) => {
        const bytes = Tree.encode(value);
        const back = Tree.decode(bytes);
        assert.deepEqual(comparable(back), comparable(value));
        assert.deepEqual(Tree.encode(Object.fromEntries(Object.entries(value).reverse())), bytes);
      }),
    );
  });

  test('every path of it is found, and so is every folder on the way', () => {
    fc.assert(
      fc.property(tree, (value) => {
        for (const [path, expected] of Object.entries(value)) {
          const found = Tree.at(value, path);
          assert.deepEqual(found, 'directory' in expected ? { tree: {} } : { entry: expected });
          const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
          const folder = Tree.at(value, parent);
          assert.ok(
            folder !== undefined && 'tree' in folder && Object.hasOwn(folder.tree, path.slice(parent === '' ? 0 : parent.length + 1)),
          );
          assert.equal(Tree.at(value, `${path}/beyond`), undefined);
        }
      }),
    );
  });

  test('any bytes: a tree that encodes to the same, or TREE_INVALID', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          tree.chain((value) => mutated(Tree.encode(value))),
        ),
        (bytes) => {
          let value: Tree.Tree;
          try {
            value = Tree.decode(bytes);
          } catch (error) {
            return isDocketError(error, 'TREE_INVALID');
          }
          assert.deepEqual(Buffer.from(Tree.encode(value)), Buffer.from(bytes));
          return true;
        },
      ),
      { numRuns: 300 },
    );
  });

  test('is stored under its own kind of CID', async () => {
    const store = new MemoryStore();
    const cid = await Tree.write(store, { 'a/b': file });
    assert.ok(Cid.isTree(cid));
    assert.deepEqual(comparable(await Tree.read(store, cid)), comparable({ 'a/b': file }));
    await rejects(Tree.read(store, blob), 'CID_INVALID');
    await store.put(Buffer.from('no tree'));
    await rejects(Tree.read(store, Cid.ofTree(Buffer.from('no tree'))), 'TREE_INVALID');
  });
});

suite('refused in a tree, made or read', () => {
  const paths = ['', '/a', 'a/', 'a//b', '.', '..', './a', 'a/.', 'a/../b', '../a', 'a\0b', '\ud800', 'x'.repeat(4097)];
  for (const path of paths) {
    test(`the path ${JSON.stringify(path.slice(0, 20))}`, () => {
      invalid(() => Tree.encode({ [path]: file }));
      if (path.isWellFormed()) invalid(() => Tree.decode(encodeCbor({ [path]: file })));
    });
  }

  const clashes: [string, string][] = [
    ['a', 'a/b'],
    ['a/b', 'a/b/c/d'],
    ['__proto__', '__proto__/x'],
  ];
  for (const [folder, inside] of clashes) {
    test(`${folder} beside ${inside}`, () => {
      for (const value of [file, { link: 'x' }, { directory: true as const }]) {
        invalid(() =>
          Tree.encode(
            Object.fromEntries([
              [folder, value],
              [inside, file],
              ['a!', file],
              ['a0', file],
              ['A', file],
            ]),
          ),
        );
      }
    });
  }

  const entries: Record<string, Ipld> = {
    'a CID of a tree': { ...file, cid: Cid.ofTree(Buffer.from('x')) },
    'a CID of another hash': { ...file, cid: Cid.ofValue(1) },
    'no CID': { ...file, cid: blob.toString() },
    'a negative size': { ...file, size: -1 },
    'a float size': { ...file, size: float(1) },
    'a huge size': { ...file, size: 2n ** 60n },
    'a number for executable': { ...file, executable: 1 },
    'a missing key': { cid: blob, size: 1 },
    'a key too many': { ...file, mode: 0o755 },
    'a file and a link': { ...file, link: 'x' },
    'an empty link': { link: '' },
    'a link with NUL': { link: 'a\0b' },
    'a directory that is none': { directory: false },
    'a number': 7,
    'a list': [],
    'a bare CID': blob,
    nothing: {},
  };
  for (const [name, value] of Object.entries(entries)) {
    test(`an entry with ${name}`, () => {
      invalid(() => Tree.decode(encodeCbor({ a: value })));
      invalid(() => Tree.encode({ a: value as unknown as Tree.TreeEntry }));
    });
  }

  test('values that are no map, and maps out of order', () => {
    for (const value of [[], 1, 'x', blob]) invalid(() => Tree.decode(encodeCbor(value)));
    const bytes = Buffer.from(Tree.encode({ a: { directory: true }, b: { directory: true } }));
    const swapped = Buffer.from(bytes.toString('latin1').replace('aa', 'a?').replace('ab', 'aa').replace('a?', 'ab'), 'latin1');
    assert.notDeepEqual(swapped, bytes);
    invalid(() => Tree.decode(swapped));
  });

  test('deep paths cost no more than their length', () => {
    const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`${'a/'.repeat(2000)}${i}`, { directory: true as const }]));
    assert.equal(Object.keys(Tree.decode(Tree.encode(many))).length, 3000);
  });
});

/** Entries in one order, CIDs as text. */
function comparable(value: Tree.Tree): unknown {
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, one]) => [path, 'cid' in one ? { ...one, cid: one.cid.toString() } : { ...one }]);
}

function mutated(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.nat(Math.max(0, bytes.length - 1)), fc.nat(255)).map(([at, value]) => {
    const changed = Uint8Array.from(bytes);
    changed[at] = value;
    return changed;
  });
}
