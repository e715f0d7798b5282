import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDocketError } from '../../../src/errors.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import type { FileSystem } from '../../../src/sandbox/files/file-system.ts';
import type { MountEntry } from '../../../src/sandbox/files/mount.ts';
import type { TreeEntry } from '../../../src/store/tree.ts';
import { Bench } from '../wasi/helpers.ts';

const bytes = (text: string): MountEntry => ({ bytes: Buffer.from(text) });
const file = (text: string, executable = false): TreeEntry => ({ cid: Cid.ofBlob(Buffer.from(text)), size: text.length, executable });

function list(files: FileSystem, path: string): string[] {
  const directory = files.directoryAt(path);
  assert.ok(directory, path);
  return [...files.entries(directory).values()].map(({ name, inode }) =>
    inode.type === 'link' ? `${name} → ${inode.target}` : inode.type === 'file' ? name : `${name}/`,
  );
}

test('blobs, bytes, trees, links and directories, each where it was asked for', () => {
  using bench = new Bench();
  const files = bench.files({
    '/in/b.txt': bytes('b'),
    'in/a.txt': bench.blob('a'),
    'in/tree': { tree: { 'x/y/z.txt': file('z'), 'x/link': { link: 'y/z.txt' }, 'x/empty': { directory: true }, top: file('top') } },
    'in/tree2/': { tree: {} },
    '/in/link': { link: '/in/a.txt' },
    './empty': { directory: true },
    'in/tree/x/added.txt': bytes('added'),
  });
  assert.deepEqual(list(files, '/'), ['empty/', 'in/']);
  assert.deepEqual(list(files, 'in'), ['a.txt', 'b.txt', 'link → /in/a.txt', 'tree/', 'tree2/']);
  assert.deepEqual(list(files, 'in/tree'), ['top', 'x/']);
  assert.deepEqual(list(files, 'in/tree/x'), ['empty/', 'link → y/z.txt', 'y/', 'added.txt']);
  assert.deepEqual(list(files, 'in/tree2'), []);
  const { inode } = files.lookup(files.root, 'in/tree/x/y/z.txt', 'follow');
  assert.ok(inode?.type === 'file' && inode.content.size === 1);
});

test('a tree may be the root, and files may stand beside it', () => {
  using bench = new Bench();
  const files = bench.files({ '/': { tree: { 'b/c': file('c'), a: file('a') } }, d: bytes('d'), 'b/e': bytes('e') });
  assert.deepEqual(list(files, '/'), ['a', 'b/', 'd']);
  assert.deepEqual(list(files, 'b'), ['c', 'e']);
});

test('of a tree only what is looked into is made', () => {
  using bench = new Bench();
  const tree = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`d${i % 100}/f${i}`, file('x')]));
  const files = bench.files({ t: { tree } });
  const directory = files.directoryAt('t/d7');
  assert.ok(directory && files.entries(directory).size === 200);
  const sibling = files.child(files.directoryAt('t') as never, 'd8');
  assert.ok(sibling?.type === 'directory' && sibling.entries.size === 0 && sibling.pending?.length === 200);
});

test('the same task sees the same numbers', () => {
  using bench = new Bench();
  const numbers = (): number[] => {
    const files = bench.files({ a: bytes('a'), t: { tree: { 'x/y': file('y') } }, b: bytes('b') });
    return ['b', 't/x/y', 'a', 't'].map((path) => files.lookup(files.root, path, 'follow').inode?.number ?? 0);
  };
  assert.deepEqual(numbers(), numbers());
  assert.equal(new Set(numbers()).size, 4);
});

test('what cannot be laid out is refused', () => {
  using bench = new Bench();
  const cases: Readonly<Record<string, MountEntry>>[] = [
    { a: bytes('1'), '/a': bytes('2') },
    { a: bytes('1'), 'a/b': bytes('2') },
    { 'a/b': bytes('1'), a: bytes('2') },
    { t: { tree: { a: file('x') } }, 't/a': bytes('2') },
    { t: { tree: { a: file('x') } }, './t': { tree: { b: file('x') } } },
    { '..': bytes('1') },
    { 'a/../b': bytes('1') },
    { 'a\0': bytes('1') },
    { '/': bytes('1') },
    { '': { link: 'x' } },
  ];
  for (const mounts of cases) {
    assert.throws(
      () => bench.files(mounts),
      (error) => isDocketError(error, 'TREE_INVALID'),
      Object.keys(mounts).join(),
    );
  }
});
