import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { type ErrorCode, isDocketError } from '../../src/errors.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { PAGE } from '../../src/ledger/page.ts';
import { FORMAT } from '../../src/ledger/schema.ts';
import { bytes, Folder, key, receipt, resolved, tidy } from './helpers.ts';

const is = (code: ErrorCode) => (error: unknown) => isDocketError(error, code);
const names = Array.from({ length: 200 }, (_, i) => `task ${i}`);

async function filled(path: string): Promise<void> {
  {
    await using ledger = await Ledger.open(path);
    await ledger.commit(names.flatMap((name) => [receipt(name), resolved(name, name, name)]));
  }
  tidy(path);
}

/** Reads and writes everywhere; never a wrong receipt. */
async function use(path: string): Promise<void> {
  await using ledger = await Ledger.open(path);
  const problems = await ledger.check();
  for (const [i, row] of ledger.memo('resolved', names.map(key)).entries())
    if (row !== undefined) assert.deepEqual(row.bytes, bytes(names[i]!));
  await ledger.commit(names.flatMap((name) => [receipt(`new ${name}`), resolved(`new ${name}`, `new ${name}`, name)]));
  assert.deepEqual(problems, []);
}

test('pages overwritten one at a time are found when used or checked, and nothing hangs', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  await filled(path);
  const whole = readFileSync(path);
  for (let page = 0; page * PAGE < whole.length; page++) {
    const damaged = Uint8Array.from(whole);
    damaged.fill(0xa5, page * PAGE, page * PAGE + 200);
    // Pages that the round before changed are not to be read from its log.
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
    writeFileSync(path, damaged);
    let failure: unknown;
    await use(path).catch((error: unknown) => (failure = error));
    const isNoticed = isDocketError(failure, 'LEDGER_DAMAGED') || failure instanceof assert.AssertionError;
    assert.ok(isNoticed, `page ${page}: ${String(failure)}`);
    if (page === 0) assert.ok(isDocketError(failure, 'LEDGER_DAMAGED'));
  }
});

test('a damaged table page gives LEDGER_DAMAGED to reads and to commits', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  await filled(path);
  let root: number;
  {
    using db = new DatabaseSync(path, { readOnly: true });
    root = Number(db.prepare(`SELECT rootpage FROM sqlite_schema WHERE name = 'resolved'`).get()!.rootpage);
  }
  const damaged = readFileSync(path);
  damaged.fill(0xff, (root - 1) * PAGE, root * PAGE);
  writeFileSync(path, damaged);
  await using ledger = await Ledger.open(path);
  assert.throws(() => ledger.memo('resolved', names.map(key)), is('LEDGER_DAMAGED'));
  await assert.rejects(ledger.commit([receipt('new'), resolved('new', 'new', 'x')]), is('LEDGER_DAMAGED'));
  await assert.rejects(ledger.commit([receipt('later')]), is('LEDGER_DAMAGED'), 'and to later ones');
});

test('a truncated file and a file of something else', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  await filled(path);
  truncateSync(path, 3 * PAGE);
  await assert.rejects(use(path), is('LEDGER_DAMAGED'));
  writeFileSync(path, 'Dear diary, '.repeat(2_000));
  await assert.rejects(Ledger.open(path), is('LEDGER_DAMAGED'));
});

test('a ledger of a newer format is refused and stays as it is', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  await filled(path);
  {
    using db = new DatabaseSync(path);
    db.exec(`PRAGMA user_version = ${FORMAT + 1}; CREATE TABLE of_the_future (x); PRAGMA wal_checkpoint(TRUNCATE)`);
  }
  const before = readFileSync(path);
  await assert.rejects(Ledger.open(path), is('HOME_NEWER'));
  assert.deepEqual(readFileSync(path), before);
});

test('a database of another program is refused and stays as it is', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  {
    using db = new DatabaseSync(path);
    db.exec('CREATE TABLE recipes (name TEXT)');
  }
  const before = readFileSync(path);
  await assert.rejects(Ledger.open(path), is('HOME_UNUSABLE'));
  assert.deepEqual(readFileSync(path), before);
});

test('an empty file, as a killed creator leaves it, becomes a ledger', async () => {
  using folder = new Folder();
  writeFileSync(folder.at('ledger'), '');
  await use(folder.at('ledger'));
});

test('a place where no file can be', async () => {
  using folder = new Folder();
  writeFileSync(folder.at('file'), '');
  mkdirSync(folder.at('folder'));
  for (const path of [folder.at('file', 'ledger'), folder.at('nowhere', 'ledger'), folder.at('folder')]) {
    await assert.rejects(Ledger.open(path), is('HOME_UNUSABLE'), path);
  }
});

test('a read-only folder', { skip: process.getuid?.() === 0 && 'root may write anywhere' }, async () => {
  using folder = new Folder();
  chmodSync(folder.path, 0o500);
  try {
    await assert.rejects(Ledger.open(folder.at('ledger')), is('HOME_UNUSABLE'));
  } finally {
    chmodSync(folder.path, 0o700);
  }
});

/** A file system of its own, or undefined (with the test skipped) where this user may not mount. */
function mounted(t: TestContext, folder: Folder, options: string): string | undefined {
  const path = folder.at('disk');
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'docket-test', path], { stdio: 'ignore' });
  } catch {
    t.skip('only root may mount');
    return undefined;
  }
  return path;
}

test('a full disk fails the commit with STORE_FULL; what was committed before stays', async (t) => {
  using folder = new Folder();
  const disk = mounted(t, folder, 'size=2m');
  if (disk === undefined) return;
  try {
    const path = `${disk}/ledger`;
    const kept: string[] = [];
    {
      await using ledger = await Ledger.open(path);
      const fill = async (): Promise<void> => {
        for (let i = 0; ; i++) {
          await ledger.commit([receipt(`${i}${'x'.repeat(50_000)}`)]);
          kept.push(`${i}${'x'.repeat(50_000)}`);
        }
      };
      await assert.rejects(fill(), is('STORE_FULL'));
      assert.ok(kept.length > 5);
      for (const text of kept) assert.deepEqual(ledger.receipt(receipt(text).cid)?.bytes, bytes(text));
    }
    await assert.rejects(Ledger.open(`${disk}/another`), is('STORE_FULL'));
    execFileSync('mount', ['-o', 'remount,size=8m', disk]);
    await using ledger = await Ledger.open(path);
    assert.deepEqual(await ledger.check(), []);
    for (const text of kept) assert.deepEqual(ledger.receipt(receipt(text).cid)?.bytes, bytes(text));
    await ledger.commit([receipt('there is room again')]);
  } finally {
    execFileSync('umount', [disk]);
  }
});
