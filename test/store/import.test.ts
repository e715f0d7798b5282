import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { importFile, importFiles, importFolder } from '../../src/store/import.ts';
import { readIn } from '../../src/store/input-file.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { StatIndex } from '../../src/store/stat-index.ts';
import * as Tree from '../../src/store/tree.ts';
import { rejects } from '../contract/store.ts';
import { MemoryStatTable, temporaryFolder } from './helpers.ts';

const isRoot = process.getuid?.() === 0;
const store = (): MemoryStore => new MemoryStore();

suite('a file', () => {
  test('of any size, with its executable bit, also through a link', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'file');
    for (const size of [0, 1, 1 << 20, (1 << 20) + 1, 3_000_000]) {
      const bytes = randomBytes(size);
      writeFileSync(path, bytes);
      chmodSync(path, size % 2 === 0 ? 0o755 : 0o644);
      const into = store();
      const found = await importFile(into, path);
      assert.deepEqual({ ...found, cid: found.cid.toString() }, { cid: Cid.ofBlob(bytes).toString(), size, executable: size % 2 === 0 });
      assert.ok(bytes.equals(await into.read(found.cid)));
    }
    symlinkSync('file', join(folder.path, 'link'));
    assert.equal((await importFile(store(), join(folder.path, 'link'))).size, 3_000_000);
  });

  test('that is none is refused by name', async () => {
    using folder = temporaryFolder();
    execFileSync('mkfifo', [join(folder.path, 'pipe')]);
    for (const name of ['absent', 'pipe', '.', 'absent/deeper']) {
      await assert.rejects(
        importFile(store(), join(folder.path, name)),
        (error) => isDocketError(error, 'INPUT_UNREADABLE') && error.message.includes(join(folder.path, name)),
      );
    }
    await rejects(importFile(store(), '/dev/zero'), 'INPUT_UNREADABLE');
  });

  const changes: Record<string, (path: string) => void> = {
    'was replaced before it was opened': (path) => {
      writeFileSync(`${path}.new`, 'new');
      renameSync(`${path}.new`, path);
    },
    'became a pipe': (path) => {
      rmSync(path);
      execFileSync('mkfifo', [path]);
    },
  };
  for (const [name, change] of Object.entries(changes)) {
    test(`that ${name}: INPUT_CHANGED, and no waiting`, async () => {
      using folder = temporaryFolder();
      const path = join(folder.path, 'file');
      writeFileSync(path, 'old');
      const stats = statSync(path, { bigint: true });
      change(path);
      await rejects(readIn(store(), path, stats, undefined), 'INPUT_CHANGED');
    });
  }

  const whileRead: Record<string, (path: string) => void> = {
    grows: (path) => appendFileSync(path, 'more'),
    'is cut': (path) => truncateSync(path, 1_100_000),
    'is written to in place': (path) => writeFileSync(path, randomBytes(5_000_000), { flag: 'r+' }),
  };
  for (const [name, change] of Object.entries(whileRead)) {
    test(`that ${name} while it is read: INPUT_CHANGED, nothing kept`, async () => {
      using folder = temporaryFolder();
      const path = join(folder.path, 'file');
      writeFileSync(path, randomBytes(5_000_000));
      const into = store();
      const put = into.put.bind(into);
      // The store changes the file between two chunks, which is the latest moment a writer can choose.
      into.put = (source, options) =>
        put(
          (async function* () {
            let first = true;
            for await (const chunk of source as AsyncIterable<Uint8Array>) {
              yield chunk;
              if (first) change(path);
              first = false;
            }
          })(),
          options,
        );
      await rejects(importFile(into, path), 'INPUT_CHANGED');
      for await (const { cid } of into.list()) assert.fail(`${cid} was kept`);
    });
  }
});

suite('a folder', () => {
  test('becomes a tree of files, links and empty folders', async () => {
    using folder = temporaryFolder();
    const make = (path: string, text: string, mode = 0o644): void => {
      mkdirSync(join(folder.path, path, '..'), { recursive: true });
      writeFileSync(join(folder.path, path), text, { mode });
    };
    make('a.txt', 'one');
    make('deep/er/run.sh', 'two', 0o755);
    make('.hidden/__proto__', 'three');
    make('ünï', '');
    mkdirSync(join(folder.path, 'empty/inner'), { recursive: true });
    symlinkSync('../a.txt', join(folder.path, 'deep/up'));
    symlinkSync('nowhere', join(folder.path, 'dangling'));
    symlinkSync('circle', join(folder.path, 'circle'));
    const into = store();
    const found = await importFolder(into, folder.path);
    assert.deepEqual([found.files, found.bytes, found.hashed], [4, 11, 4]);
    const tree = await Tree.read(into, found.cid);
    assert.deepEqual(
      Object.entries(tree)
        .map(([path, entry]) => [path, 'cid' in entry ? `${entry.size}${entry.executable ? 'x' : ''}` : entry])
        .sort(),
      [
        ['.hidden/__proto__', '5'],
        ['a.txt', '3'],
        ['circle', { link: 'circle' }],
        ['dangling', { link: 'nowhere' }],
        ['deep/er/run.sh', '3x'],
        ['deep/up', { link: '../a.txt' }],
        ['empty/inner', { directory: true }],
        ['ünï', '0'],
      ],
    );
    assert.deepEqual(await importFolder(into, `${folder.path}/`), found);
  });

  test('include and exclude choose, and what is left out is not read', async (t) => {
    using folder = temporaryFolder();
    for (const path of ['a.md', 'a.txt', 'sub/b.md', 'sub/.c.md', 'node_modules/x/d.md']) {
      mkdirSync(join(folder.path, path, '..'), { recursive: true });
      writeFileSync(join(folder.path, path), path);
    }
    execFileSync('mkfifo', [join(folder.path, 'pipe')]);
    symlinkSync('/etc/passwd', join(folder.path, 'node_modules/out'));
    const paths = async (filter: { include?: string[]; exclude?: string[] }): Promise<string[]> => {
      const into = store();
      return Object.keys(await Tree.read(into, (await importFolder(into, folder.path, filter)).cid)).sort();
    };
    assert.deepEqual(await paths({ include: ['**/*.md'], exclude: ['node_modules'] }), ['a.md', 'sub/.c.md', 'sub/b.md']);
    assert.deepEqual(await paths({ exclude: ['pipe', 'node_modules/**', '**/.*'] }), ['a.md', 'a.txt', 'sub/b.md']);
    assert.deepEqual(await paths({ include: [] }), []);
    if (isRoot) return t.diagnostic('root may read every folder');
    chmodSync(join(folder.path, 'sub'), 0);
    assert.deepEqual(await paths({ include: ['a.*'], exclude: ['sub', 'pipe'] }), ['a.md', 'a.txt']);
    await rejects(paths({ include: ['a.*'] }), 'INPUT_UNREADABLE');
    chmodSync(join(folder.path, 'sub'), 0o700);
  });

  const escapes: Record<string, Record<string, string>> = {
    'an absolute target': { link: '/etc/passwd' },
    'a target above': { 'sub/link': '../../x' },
    'a target above and back in': { link: '../IN/file' },
    'by way of another link': { 'p/q/b': '../../c', 'p/a': 'q/b/../../secret' },
    'by way of an absolute link': { hop: '/etc', link: 'hop/passwd' },
  };
  for (const [name, links] of Object.entries(escapes)) {
    test(`a link out of it, ${name}, is INPUT_ESCAPES`, async () => {
      using folder = temporaryFolder();
      const root = join(folder.path, 'IN');
      for (const [path, target] of Object.entries(links)) {
        mkdirSync(join(root, path, '..'), { recursive: true });
        symlinkSync(target, join(root, path));
      }
      mkdirSync(join(root, 'c'), { recursive: true });
      await assert.rejects(
        importFolder(store(), root),
        (error) => isDocketError(error, 'INPUT_ESCAPES') && Object.keys(links).some((path) => error.message.includes(path)),
      );
    });
  }

  test('with a pipe, a socket or no name at all is refused by name', async () => {
    using folder = temporaryFolder();
    const refused = async (name: string): Promise<void> => {
      await assert.rejects(
        importFolder(store(), folder.path),
        (error) => isDocketError(error, 'INPUT_UNREADABLE') && error.message.includes(name),
      );
      rmSync(join(folder.path, name));
    };
    execFileSync('mkfifo', [join(folder.path, 'pipe')]);
    await refused('pipe');
    const server = createServer().listen(join(folder.path, 'socket'));
    await once(server, 'listening');
    await assert.rejects(
      importFolder(store(), folder.path),
      (error) => isDocketError(error, 'INPUT_UNREADABLE') && error.message.includes('socket'),
    );
    server.close();
    await once(server, 'close');
    writeFileSync(Buffer.concat([Buffer.from(`${folder.path}/bad`), Buffer.of(0xff)]), '');
    await assert.rejects(
      importFolder(store(), folder.path),
      (error) => isDocketError(error, 'INPUT_UNREADABLE') && error.message.includes('UTF-8'),
    );
    await rejects(importFolder(store(), join(folder.path, 'absent')), 'INPUT_UNREADABLE');
  });

  test('an abort ends it', async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, 'a'), 'a');
    const reason = new Error('enough');
    await assert.rejects(importFolder(store(), folder.path, { signal: AbortSignal.abort(reason) }), reason);
  });
});

suite('the stat index', () => {
  /** A folder of settled files: their times lie long before the clock of the index. */
  function setUp(folder: string): { into: MemoryStore; table: MemoryStatTable; index: StatIndex; clock: { ahead: number } } {
    for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, name), name.repeat(5000));
    const into = store();
    const table = new MemoryStatTable();
    const clock = { ahead: 3_600_000 };
    const index = new StatIndex(table, into, { now: () => Date.now() + clock.ahead, monotonic: () => 0, after: () => () => undefined });
    return { into, table, index, clock };
  }

  test('saves reading unchanged files, and only those', async () => {
    using folder = temporaryFolder();
    const { into, index } = setUp(folder.path);
    const take = async (): Promise<{ hashed: number; text: string }> => {
      const { cid, hashed } = await importFolder(into, folder.path, { statIndex: index });
      const entry = (await Tree.read(into, cid))['b'];
      assert.ok(entry !== undefined && 'cid' in entry);
      return {
        hashed,
        text: Buffer.from(await into.read(entry.cid))
          .toString()
          .slice(0, 3),
      };
    };
    assert.deepEqual(await take(), { hashed: 3, text: 'bbb' });
    assert.deepEqual(await take(), { hashed: 0, text: 'bbb' });
    utimesSync(join(folder.path, 'a'), 1000, 1000);
    assert.deepEqual(await take(), { hashed: 1, text: 'bbb' });
    writeFileSync(join(folder.path, 'b'), 'B'.repeat(5000));
    assert.deepEqual(await take(), { hashed: 1, text: 'BBB' });
    const keep = statSync(join(folder.path, 'b'));
    writeFileSync(join(folder.path, 'b'), 'x'.repeat(5000));
    utimesSync(join(folder.path, 'b'), keep.atime, keep.mtime);
    assert.deepEqual(await take(), { hashed: 1, text: 'xxx' }, 'same size and mtime');
    writeFileSync(join(folder.path, 'new'), readFileSync(join(folder.path, 'b')));
    renameSync(join(folder.path, 'new'), join(folder.path, 'b'));
    assert.deepEqual(await take(), { hashed: 1, text: 'xxx' }, 'another inode');
  });

  test('does not trust a file that changed just before it was read', async () => {
    using folder = temporaryFolder();
    const { into, index, table, clock } = setUp(folder.path);
    clock.ahead = 0;
    await importFiles(into, [join(folder.path, 'a')], { statIndex: index });
    assert.equal(table.rows.size, 0, 'a racy entry is not even kept');
    clock.ahead = 3_600_000;
    await importFiles(into, [join(folder.path, 'a')], { statIndex: index });
    const [row] = table.rows.values();
    assert.ok(row !== undefined);
    await table.put([{ ...row, checkedAt: Number(row.ctimeNs / 1_000_000n) }]);
    assert.deepEqual(await index.lookup([row]), [undefined], 'nor believed when a table holds one');
    await table.put([row]);
    assert.equal((await index.lookup([row]))[0]?.toString(), Cid.ofBlob(Buffer.from('a'.repeat(5000))).toString());
    const inFuture = { ...row, mtimeNs: row.mtimeNs + 7_200_000_000_000n };
    await table.put([inFuture]);
    assert.deepEqual(await index.lookup([inFuture]), [undefined], 'an mtime ahead of the clock proves nothing');
    const coarse = { ...row, ctimeNs: (row.ctimeNs / 1_000_000_000n) * 1_000_000_000n, mtimeNs: 0n };
    for (const [after, trusted] of [
      [1900, false],
      [2200, true],
    ] as const) {
      const checked = { ...coarse, checkedAt: Number(coarse.ctimeNs / 1_000_000n) + after };
      await table.put([checked]);
      assert.equal((await index.lookup([checked]))[0] !== undefined, trusted, `a clock of whole seconds, read ${after} ms later`);
    }
  });

  test('brings back what the store lost', async () => {
    using folder = temporaryFolder();
    const { into, index } = setUp(folder.path);
    const path = join(folder.path, 'a');
    const { cid } = await importFile(into, path, { statIndex: index });
    await into.delete(cid);
    assert.ok((await importFile(into, path, { statIndex: index })).cid.equals(cid));
    assert.equal((await into.read(cid)).length, 5000);
  });
});
