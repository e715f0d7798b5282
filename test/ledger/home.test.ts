import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ErrorCode, isDocketError } from '../../src/errors.ts';
import * as Home from '../../src/ledger/home.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { Folder } from './helpers.ts';

const is = (code: ErrorCode) => (error: unknown) => isDocketError(error, code);

test('where the home is: the flag, DOCKET_HOME, XDG_DATA_HOME, the default', () => {
  const env = { DOCKET_HOME: '/docket', XDG_DATA_HOME: '/xdg', HOME: '/me' };
  assert.equal(Home.locate({ home: '/flag', env }), '/flag');
  assert.equal(Home.locate({ home: undefined, env }), '/docket');
  assert.equal(Home.locate({ home: '', env: { ...env, DOCKET_HOME: '' } }), '/xdg/docket');
  assert.equal(Home.locate({ env: { HOME: '/me' } }), '/me/.local/share/docket');
  assert.equal(Home.locate({ env: { HOME: '/me', XDG_DATA_HOME: 'relative' } }), '/me/.local/share/docket');
  assert.equal(Home.locate({ env: {} }), join(homedir(), '.local/share/docket'));
  assert.equal(Home.locate({ home: 'here', env }), join(process.cwd(), 'here'));
});

test('a home is made private, with everything in it, and found again', async () => {
  using folder = new Folder();
  const home = folder.at('a', 'home');
  const paths = await Home.prepare(home);
  for (const path of [home, paths.store, paths.locks, folder.at('a', 'home', 'flights')])
    assert.equal(statSync(path).mode & 0o777, 0o700, path);
  assert.equal(readFileSync(paths.format, 'utf8'), '1\n');
  assert.equal(paths.runLock('01ABC'), join(home, 'locks', 'run-01ABC'));
  assert.equal(paths.flight('01ABC'), join(home, 'flights', '01ABC'));
  const before = readdirSync(home);
  assert.deepEqual({ ...(await Home.prepare(home)), runLock: 0, flight: 0 }, { ...paths, runLock: 0, flight: 0 });
  assert.deepEqual(readdirSync(home), before);
  await using _ledger = await Ledger.open(paths.ledger);
});

test('several at once make one home', async () => {
  using folder = new Folder();
  await Promise.all([1, 2, 3].map(() => Home.prepare(folder.at('home'))));
  assert.deepEqual(readdirSync(folder.at('home')).toSorted(), ['flights', 'format', 'locks', 'store']);
});

test('an empty folder will do, also behind a symlink, and one whose maker was killed half-way', async () => {
  using folder = new Folder();
  mkdirSync(folder.at('empty'));
  symlinkSync(folder.at('empty'), folder.at('link'));
  await Home.prepare(folder.at('link'));
  assert.ok(existsSync(folder.at('empty', 'format')));
  mkdirSync(folder.at('half'));
  writeFileSync(folder.at('half', 'format'), '');
  await Home.prepare(folder.at('half'));
  assert.equal(readFileSync(folder.at('half', 'format'), 'utf8'), '1\n');
});

test('a folder that serves for something else is refused and left as it is', async () => {
  using folder = new Folder();
  writeFileSync(folder.at('thesis.txt'), 'please do not touch');
  await assert.rejects(Home.prepare(folder.path), is('HOME_UNUSABLE'));
  assert.deepEqual(readdirSync(folder.path), ['thesis.txt']);
});

test('a newer format, and one that is no number', async () => {
  using folder = new Folder();
  mkdirSync(folder.at('home'));
  for (const [text, code] of [
    ['2\n', 'HOME_NEWER'],
    ['999', 'HOME_NEWER'],
    ['one\n', 'HOME_UNUSABLE'],
    ['-1', 'HOME_UNUSABLE'],
    ['1.5', 'HOME_UNUSABLE'],
  ] as const) {
    writeFileSync(folder.at('home', 'format'), text);
    await assert.rejects(Home.prepare(folder.at('home')), is(code), text);
    assert.deepEqual(readdirSync(folder.at('home')), ['format']);
  }
});

test('a file where the home, or a folder of it, should be', async () => {
  using folder = new Folder();
  writeFileSync(folder.at('file'), '');
  await assert.rejects(Home.prepare(folder.at('file')), is('HOME_UNUSABLE'));
  await assert.rejects(Home.prepare(folder.at('file', 'home')), is('HOME_UNUSABLE'));
  const paths = await Home.prepare(folder.at('home'));
  mkdirSync(folder.at('second'));
  writeFileSync(folder.at('second', 'format'), readFileSync(paths.format));
  writeFileSync(folder.at('second', 'locks'), '');
  await assert.rejects(Home.prepare(folder.at('second')), is('HOME_UNUSABLE'));
});

test('a network file system is refused by name, and nothing is made there', async () => {
  using folder = new Folder();
  const probe = { type: () => 0x6969, mounts: () => '' };
  await assert.rejects(
    Home.prepare(folder.at('home'), { probe }),
    (error) => is('HOME_NETWORK')(error) && /\(nfs\)/.test((error as Error).message),
  );
  assert.deepEqual(readdirSync(folder.path), []);
});

test('ids that would lead out of the home are no runs', () => {
  const paths = Home.paths('/home');
  for (const id of ['', '..', 'a/b', '../x', 'a\0b', 'x'.repeat(65)]) {
    assert.throws(() => paths.runLock(id), is('RUN_UNKNOWN'), id);
    assert.throws(() => paths.flight(id), is('RUN_UNKNOWN'), id);
  }
});

test('a home without permission to write', { skip: process.getuid?.() === 0 && 'root may write anywhere' }, async () => {
  using folder = new Folder();
  chmodSync(folder.path, 0o500);
  try {
    await assert.rejects(Home.prepare(folder.path), is('HOME_UNUSABLE'));
    await assert.rejects(Home.prepare(folder.at('home')), is('HOME_UNUSABLE'));
  } finally {
    chmodSync(folder.path, 0o700);
  }
});

test('a home on a read-only file system', async (t) => {
  using folder = new Folder();
  const disk = folder.at('disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'docket-test', disk], { stdio: 'ignore' });
  } catch {
    t.skip('only root may mount');
    return;
  }
  try {
    await Home.prepare(join(disk, 'home'));
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    await assert.rejects(Home.prepare(join(disk, 'home')), is('HOME_UNUSABLE'));
    await assert.rejects(Home.prepare(join(disk, 'new')), is('HOME_UNUSABLE'));
  } finally {
    execFileSync('umount', [disk]);
  }
});
