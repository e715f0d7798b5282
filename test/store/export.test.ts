import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { exportBlob, exportTree } from '../../src/store/export.ts';
import { importFolder } from '../../src/store/import.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { temporaryName } from '../../src/store/temporary-name.ts';
import * as Tree from '../../src/store/tree.ts';
import { rejects } from '../contract/store.ts';
import { mountTmpfs, temporaryFolder } from './helpers.ts';

const bytes = Buffer.from('content '.repeat(100_000));

async function setUp(
  entries: Record<string, 'file' | 'program' | 'empty' | { readonly link: string }>,
): Promise<{ store: MemoryStore; cid: Cid.CID }> {
  const store = new MemoryStore();
  const { cid: blob, size } = await store.put(bytes);
  const tree = Object.entries(entries).map(([path, kind]): [string, Tree.TreeEntry] => {
    if (kind === 'empty') return [path, { directory: true }];
    return [path, typeof kind === 'object' ? kind : { cid: blob, size, executable: kind === 'program' }];
  });
  return { store, cid: await Tree.write(store, Object.fromEntries(tree)) };
}

async function refuses(promise: Promise<unknown>, path: string): Promise<void> {
  await assert.rejects(
    promise,
    (error) => (isDocketError(error, 'OUTPUT_UNWRITABLE') && error.message.includes(path)) || assert.fail(`${error}`),
  );
}

suite('a tree as files', () => {
  test('is what was imported, bit for bit', async () => {
    using folder = temporaryFolder();
    const { store, cid } = await setUp({
      'a/b/file': 'file',
      'a/run': 'program',
      'a/up': { link: '../top' },
      'some/empty': 'empty',
      top: 'file',
    });
    const out = join(folder.path, 'out', 'here');
    await exportTree(store, cid, out);
    assert.ok(bytes.equals(readFileSync(join(out, 'a/b/file'))));
    assert.equal(statSync(join(out, 'a/run')).mode & 0o100, 0o100);
    assert.equal(statSync(join(out, 'top')).mode & 0o111, 0);
    assert.equal(readlinkSync(join(out, 'a/up')), '../top');
    assert.ok((await importFolder(store, out)).cid.equals(cid));
  });

  test('replaces files only if told, and refuses before it writes anything', async () => {
    using folder = temporaryFolder();
    const { store, cid } = await setUp({ a: 'file', z: 'file', link: { link: 'a' } });
    writeFileSync(join(folder.path, 'z'), 'mine');
    await refuses(exportTree(store, cid, folder.path), join(folder.path, 'z'));
    assert.deepEqual(readdirSync(folder.path), ['z']);
    await exportTree(store, cid, folder.path, { replace: true });
    await exportTree(store, cid, folder.path, { replace: true });
    assert.deepEqual(readdirSync(folder.path).sort(), ['a', 'link', 'z']);
    assert.ok(bytes.equals(readFileSync(join(folder.path, 'z'))));
  });

  test('never writes through a link in the target', async () => {
    using folder = temporaryFolder();
    const [out, elsewhere] = [join(folder.path, 'out'), join(folder.path, 'elsewhere')];
    for (const path of [out, elsewhere]) mkdirSync(path);
    writeFileSync(join(elsewhere, 'victim'), 'mine');
    symlinkSync('../elsewhere', join(out, 'sub'));
    symlinkSync('../elsewhere/victim', join(out, 'file'));
    const inside = await setUp({ 'sub/victim': 'file' });
    for (const replace of [true, false]) await rejects(exportTree(inside.store, inside.cid, out, { replace }), 'OUTPUT_UNWRITABLE');
    const empty = await setUp({ 'sub/new': 'empty' });
    await refuses(exportTree(empty.store, empty.cid, out, { replace: true }), join(out, 'sub'));
    const over = await setUp({ file: 'file' });
    await refuses(exportTree(over.store, over.cid, out), join(out, 'file'));
    await exportTree(over.store, over.cid, out, { replace: true });
    assert.ok(lstatSync(join(out, 'file')).isFile(), 'the link itself was replaced');
    assert.deepEqual(readdirSync(elsewhere), ['victim']);
    assert.equal(readFileSync(join(elsewhere, 'victim'), 'utf8'), 'mine');
  });

  test('makes no link that leads out', async () => {
    using folder = temporaryFolder();
    for (const target of ['/etc/passwd', '../x', 'a/../../x', 'hop/../../x']) {
      const { store, cid } = await setUp({ l: { link: target }, 'd/e/hop': { link: 'x' } });
      await refuses(exportTree(store, cid, join(folder.path, 'out')), join(folder.path, 'out', 'l'));
    }
    assert.deepEqual(readdirSync(folder.path), []);
  });

  test('names what is in the way', async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, 'a'));
    writeFileSync(join(folder.path, 'b'), '');
    const overFolder = await setUp({ a: 'file' });
    await refuses(exportTree(overFolder.store, overFolder.cid, folder.path, { replace: true }), join(folder.path, 'a'));
    const underFile = await setUp({ 'b/c': 'file' });
    await refuses(exportTree(underFile.store, underFile.cid, folder.path, { replace: true }), join(folder.path, 'b'));
    await refuses(exportTree(underFile.store, underFile.cid, join(folder.path, 'b')), join(folder.path, 'b'));
    const long = await setUp({ ['n'.repeat(300)]: 'file' });
    await refuses(exportTree(long.store, long.cid, folder.path), 'nnn');
    assert.deepEqual(readdirSync(folder.path).sort(), ['a', 'b']);
  });

  test('a missing blob leaves no half file', async () => {
    using folder = temporaryFolder();
    const { store, cid } = await setUp({ 'a/b': 'file' });
    await store.delete(Cid.ofBlob(bytes));
    await rejects(exportTree(store, cid, folder.path), 'BLOB_MISSING');
    assert.deepEqual(readdirSync(join(folder.path, 'a')), []);
  });

  test('a full disk is OUTPUT_UNWRITABLE and leaves no half file', async (t) => {
    using disk = mountTmpfs('size=200k');
    if (disk === undefined) return t.skip('mounting a tmpfs needs root');
    const { store, cid } = await setUp({ file: 'file' });
    await refuses(exportTree(store, cid, disk.path), join(disk.path, 'file'));
    assert.deepEqual(readdirSync(disk.path), []);
  });
});

suite('a blob as a file', () => {
  test('appears whole, executable if told, and replaces only if told', async () => {
    using folder = temporaryFolder();
    const { store } = await setUp({});
    const path = join(folder.path, 'file');
    await exportBlob(store, Cid.ofBlob(bytes), path);
    await refuses(exportBlob(store, Cid.ofBlob(bytes), path), path);
    await exportBlob(store, Cid.ofBlob(bytes), path, { replace: true, executable: true });
    assert.ok(bytes.equals(readFileSync(path)));
    assert.equal(statSync(path).mode & 0o100, 0o100);
    await refuses(exportBlob(store, Cid.ofBlob(bytes), join(folder.path, 'no/such/folder')), 'no/such/folder');
    assert.deepEqual(readdirSync(folder.path), ['file']);
  });

  test('clears what a killed export left, and nothing else', async () => {
    using folder = temporaryFolder();
    const { store } = await setUp({});
    const dead = `.docket-${temporaryName().replace(/-\d+-/, `-${spawnSync(process.execPath, ['-e', '']).pid}-`)}`;
    for (const name of [dead, `.docket-${temporaryName()}`, '.docket-mine']) writeFileSync(join(folder.path, name), '');
    await exportBlob(store, Cid.ofBlob(bytes), join(folder.path, 'file'));
    assert.equal(readdirSync(folder.path).length, 3);
    assert.ok(!readdirSync(folder.path).includes(dead));
  });
});
