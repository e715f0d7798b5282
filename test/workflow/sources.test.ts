import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DocketError } from '../../src/errors.ts';
import { Imports, type Sources } from '../../src/workflow/sources.ts';
import { cidOfFile, MemorySources } from './helpers.ts';

const place = (line: number) => () => ({ file: 'f', line, column: 1 });

test('each file and folder is imported once', async () => {
  const sources = new MemorySources();
  const imports = new Imports(sources);
  for (const path of ['a', 'b', 'a']) imports.wantFile(path, place(1));
  for (const include of [['*'], ['*'], ['x']]) imports.wantFolder({ path: 'd', include }, place(1));
  imports.wantFolder({ path: 'd' }, place(1));
  await imports.load();
  assert.deepEqual(sources.files, ['a', 'b']);
  assert.deepEqual(sources.folders, [{ path: 'd', include: ['*'] }, { path: 'd', include: ['x'] }, { path: 'd' }]);
  assert.equal(imports.file('a').toString(), cidOfFile('a').toString());
  assert.throws(() => imports.file('c'), { code: 'INTERNAL' });
});

test('imports run together, but not without bound', async () => {
  let now = 0;
  let most = 0;
  class Counting extends MemorySources {
    override async file(path: string) {
      most = Math.max(most, ++now);
      await Promise.resolve();
      now--;
      return super.file(path);
    }
  }
  const imports = new Imports(new Counting());
  for (let i = 0; i < 1000; i++) imports.wantFile(String(i), place(i));
  await imports.load();
  assert.ok(most > 1 && most <= 256, `${most} in flight`);
});

test('a failure carries the place that asked first, and what it said itself', async () => {
  const imports = new Imports(new MemorySources());
  imports.wantFile('missing', place(3));
  imports.wantFile('missing', place(7));
  await assert.rejects(imports.load(), { code: 'INPUT_UNREADABLE', message: /missing/, place: { file: 'f', line: 3, column: 1 } });
});

test('a failure with a place of its own keeps it', async () => {
  const own = { file: 'g', line: 9 };
  const sources: Sources = Object.assign(new MemorySources(), {
    directory: () => Promise.reject(new DocketError('INPUT_ESCAPES', 'out', { place: own })),
  });
  const imports = new Imports(sources);
  imports.wantFolder({ path: 'd' }, place(1));
  await assert.rejects(imports.load(), { code: 'INPUT_ESCAPES', place: own });
});

test('trouble of the store or the home has no place in the workflow file', async () => {
  for (const code of ['STORE_FULL', 'STORE_UNWRITABLE', 'HOME_UNUSABLE', 'LEDGER_FAILED', 'CANCELLED'] as const) {
    const error = new DocketError(code, 'not the file');
    const imports = new Imports(Object.assign(new MemorySources(), { directory: () => Promise.reject(error) }));
    imports.wantFolder({ path: 'd' }, place(1));
    await assert.rejects(imports.load(), (thrown) => thrown === error);
  }
});

test('large values are stored once', async () => {
  const sources = new MemorySources();
  const imports = new Imports(sources);
  const cid = imports.keepLarge(new Uint8Array(5000));
  assert.equal(imports.keepLarge(new Uint8Array(5000)).toString(), cid.toString());
  await imports.storeLarge();
  assert.equal(sources.blobs.length, 1);
});
