import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Cid from '../../../src/ipld/cid.ts';
import { changes, outputs, type Output } from '../../../src/sandbox/files/collect.ts';
import type { FileInode } from '../../../src/sandbox/files/inode.ts';
import type { FileSystem } from '../../../src/sandbox/files/file-system.ts';
import type { TreeEntry } from '../../../src/store/tree.ts';
import { Bench, textOf } from '../wasi/helpers.ts';

const file = (text: string, executable = false): TreeEntry => ({ cid: Cid.ofBlob(Buffer.from(text)), size: text.length, executable });

function write(files: FileSystem, path: string, text: string): void {
  const place = files.lookupToCreate(files.root, path, 'follow');
  const inode = (place.inode ?? files.createFile(place)) as FileInode;
  const bytes = Buffer.from(text);
  inode.content.resize(0);
  inode.content.write(bytes, 0, bytes.length, 0);
}

const paths = (found: readonly Output[]): string[] => found.map(({ path }) => path);

function sample(bench: Bench): FileSystem {
  const files = bench.files({
    in: { tree: { 'a.txt': file('a'), 'b/c.txt': file('c', true), 'b/.hidden': file('h') } },
    'top.txt': { bytes: Buffer.from('t') },
  });
  for (const path of ['out', 'out/deep', 'out/empty', '.cache']) files.createDirectory(files.root, path);
  write(files, 'out/x.txt', 'x');
  write(files, 'out/deep/y.json', '{}');
  write(files, 'out/.dot', 'dot');
  write(files, '.cache/z', 'z');
  files.createLink('x.txt', files.root, 'out/link');
  return files;
}

test('globs choose, from what was mounted and what was made', () => {
  using bench = new Bench();
  const files = sample(bench);
  const cases: [globs: string[], wanted: string[]][] = [
    [['out/**'], ['out/deep/y.json', 'out/empty', 'out/link', 'out/x.txt']],
    [['out/*'], ['out/empty', 'out/link', 'out/x.txt']],
    [['/out/x.txt'], ['out/x.txt']],
    [['./out/x.txt', 'out/x.txt'], ['out/x.txt']],
    [['**/*.txt'], ['in/a.txt', 'in/b/c.txt', 'out/x.txt', 'top.txt']],
    [['*'], ['top.txt']],
    [['**/.*'], ['in/b/.hidden', 'out/.dot']],
    [['.cache/*'], ['.cache/z']],
    [['{in,out}/*.txt'], ['in/a.txt', 'out/x.txt']],
    [['in/[ab]*'], ['in/a.txt']],
    [['in'], ['in/a.txt', 'in/b/.hidden', 'in/b/c.txt']],
    [['out/deep/'], ['out/deep/y.json']],
    [['missing', 'missing/**'], []],
    [['!out/**'], []],
    [[], []],
    [
      ['.'],
      [
        '.cache/z',
        'in/a.txt',
        'in/b/.hidden',
        'in/b/c.txt',
        'out/.dot',
        'out/deep/y.json',
        'out/empty',
        'out/link',
        'out/x.txt',
        'top.txt',
      ],
    ],
  ];
  for (const [globs, wanted] of cases) assert.deepEqual(paths(outputs(files, globs)), wanted, globs.join());
});

test('what is not looked at stays unmade', () => {
  using bench = new Bench();
  const files = sample(bench);
  outputs(files, ['out/**', 'in/a.txt']);
  const b = files.child(files.directoryAt('in') as never, 'b');
  assert.ok(b?.type === 'directory' && b.pending !== undefined);
});

test('each kind carries what it needs', () => {
  using bench = new Bench();
  const files = sample(bench);
  const found = new Map(outputs(files, ['.']).map((each) => [each.path, each]));
  assert.deepEqual(found.get('out/link'), { kind: 'link', path: 'out/link', target: 'x.txt' });
  assert.deepEqual(found.get('out/empty'), { kind: 'directory', path: 'out/empty' });
  const unchanged = found.get('in/b/c.txt');
  assert.ok(unchanged?.kind === 'file' && unchanged.executable && unchanged.content.kind === 'blob');
  assert.ok(unchanged.content.cid.equals(Cid.ofBlob(Buffer.from('c'))) && unchanged.content.size === 1);
  const made = found.get('out/x.txt');
  assert.ok(made?.kind === 'file' && !made.executable && textOf(made.content) === 'x');
  const mounted = found.get('top.txt');
  assert.ok(mounted?.kind === 'file' && textOf(mounted.content) === 't');
});

test('changes are what was made, written or moved, not what was read or removed', () => {
  using bench = new Bench();
  const files = sample(bench);
  const made = ['.cache/z', 'out/.dot', 'out/deep/y.json', 'out/empty', 'out/link', 'out/x.txt'];
  assert.deepEqual(paths(changes(files)), made);
  write(files, 'in/b/c.txt', 'changed');
  files.removeFile(files.root, 'in/a.txt');
  assert.deepEqual(paths(changes(files)), ['.cache/z', 'in/b/c.txt', ...made.slice(1)]);
  files.rename(files.root, 'in', files.root, 'moved');
  files.rename(files.root, 'top.txt', files.root, 'out/top.txt');
  assert.deepEqual(paths(changes(files)), [
    '.cache/z',
    'moved/b/.hidden',
    'moved/b/c.txt',
    ...made.slice(1, 5),
    'out/top.txt',
    'out/x.txt',
  ]);
  const executable = changes(files).find(({ path }) => path === 'moved/b/c.txt');
  assert.ok(executable?.kind === 'file' && executable.executable, 'a file keeps being executable when it is written to');
});

test('nothing is changed in a task that made nothing', () => {
  using bench = new Bench();
  const files = bench.files({ in: { tree: { 'a/b': file('x') } }, empty: { directory: true } });
  files.lookup(files.root, 'in/a/b', 'follow');
  assert.deepEqual(changes(files), []);
});
