import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import { Lock } from '../../src/ledger/locks.ts';
import { assertExclusive, Child, Folder } from './helpers.ts';

test('one owner at a time, within a process too', () => {
  using folder = new Folder();
  const path = folder.at('lock');
  assert.equal(Lock.isHeld(path), false);
  {
    using lock = Lock.tryAcquire(path);
    assert.notEqual(lock, undefined);
    assert.equal(Lock.isHeld(path), true);
    assert.equal(Lock.tryAcquire(path, { patience: 0 }), undefined);
    assert.equal(Lock.isHeld(path), true, 'the failed attempt did not loosen it');
  }
  assert.equal(Lock.isHeld(path), false);
  using again = Lock.tryAcquire(path);
  assert.notEqual(again, undefined);
});

test('a lock file stays empty and has nothing beside it', () => {
  using folder = new Folder();
  using _lock = Lock.tryAcquire(folder.at('lock'));
  assert.deepEqual(readdirSync(folder.path), ['lock']);
  assert.equal(statSync(folder.at('lock')).size, 0);
});

test('removing lets go and leaves nothing; a second time does nothing', () => {
  using folder = new Folder();
  const path = folder.at('lock');
  using lock = Lock.tryAcquire(path)!;
  lock.remove();
  assert.equal(existsSync(path), false);
  using next = Lock.tryAcquire(path);
  lock.remove();
  lock[Symbol.dispose]();
  assert.notEqual(next, undefined);
  assert.equal(Lock.isHeld(path), true);
});

test('a removed file is not mistaken for the one that took its place', () => {
  using folder = new Folder();
  const path = folder.at('lock');
  using stale = Lock.tryAcquire(path)!;
  rmSync(path);
  using fresh = Lock.tryAcquire(path)!;
  assert.equal(Lock.tryAcquire(path, { patience: 0 }), undefined);
  stale[Symbol.dispose]();
  assert.equal(Lock.isHeld(path), true);
  fresh[Symbol.dispose]();
  assert.equal(Lock.isHeld(path), false);
});

test('other processes are kept out, and a killed owner is free at once', async () => {
  using folder = new Folder();
  const path = folder.at('lock');
  for (let round = 0; round < 3; round++) {
    await using owner = new Child('hold-lock.ts', path);
    await owner.expect('held');
    assert.equal(Lock.isHeld(path), true);
    assert.equal(Lock.tryAcquire(path), undefined);
    if (round === 0) {
      await using other = new Child('hold-lock.ts', path);
      await other.expect('refused');
    }
    await owner.kill();
    assert.equal(Lock.isHeld(path), false);
    using lock = Lock.tryAcquire(path);
    assert.notEqual(lock, undefined);
  }
});

test('an owner elsewhere that lets go, or removes the file', async () => {
  using folder = new Folder();
  const path = folder.at('lock');
  for (const how of ['let go', 'remove']) {
    await using owner = new Child('hold-lock.ts', path);
    await owner.expect('held');
    owner.say(how);
    await owner.expect('free');
    assert.equal(existsSync(path), how === 'let go');
    using lock = Lock.tryAcquire(path);
    assert.notEqual(lock, undefined);
  }
});

test('processes that take and remove one lock over and over never own it together', async () => {
  using folder = new Folder();
  const journal = folder.at('journal');
  await using stack = new AsyncDisposableStack();
  const children = ['a', 'b', 'c'].map((name) => stack.use(new Child('contend.ts', 'lock', folder.at('lock'), journal, name, '150')));
  for (const child of children) assert.equal(await child.status(), 0);
  assert.ok(assertExclusive(readFileSync(journal, 'utf8')).size > 0);
});

test('a place where no lock can be', () => {
  using folder = new Folder();
  writeFileSync(folder.at('file'), '');
  mkdirSync(folder.at('folder'));
  for (const path of [folder.at('nowhere', 'lock'), folder.at('file', 'lock'), folder.at('folder')]) {
    assert.throws(
      () => Lock.tryAcquire(path),
      (error) => isDocketError(error, 'HOME_UNUSABLE'),
      path,
    );
  }
});
