import assert from 'node:assert/strict';
import { linkSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as Home from '../../src/ledger/home.ts';
import { Lock } from '../../src/ledger/locks.ts';
import { RunLocks, sweepDrivers } from '../../src/ledger/run-locks.ts';
import { assertExclusive, Child, Folder } from './helpers.ts';

async function homeIn(folder: Folder): Promise<Home.Paths> {
  return await Home.prepare(folder.at('home'));
}

test('a run has one driver, in one process or in two', async () => {
  using folder = new Folder();
  const paths = await homeIn(folder);
  using one = new RunLocks(paths);
  using other = new RunLocks(paths);
  {
    using owned = one.tryOwn('A');
    assert.ok(owned !== undefined);
    assert.deepEqual([one.tryOwn('A'), other.tryOwn('A')], [undefined, undefined]);
    assert.equal(readdirSync(paths.locks).length, 2, 'who only asks makes no file');
    assert.equal(Lock.isHeld(paths.runLock('A')), true);
    using next = other.tryOwn('B');
    assert.ok(next !== undefined, 'another run is free');
  }
  assert.equal(Lock.isHeld(paths.runLock('A')), false);
  assert.ok(other.tryOwn('A') !== undefined);
});

test('nothing is left behind', async () => {
  using folder = new Folder();
  const paths = await homeIn(folder);
  {
    using locks = new RunLocks(paths);
    using _owned = locks.tryOwn('A');
    assert.equal(readdirSync(paths.locks).length, 2);
  }
  assert.deepEqual(readdirSync(paths.locks), []);
});

test('the run of a killed process is free, and of a living one is not', async () => {
  using folder = new Folder();
  const paths = await homeIn(folder);
  await using driver = new Child('own-run.ts', paths.home);
  await driver.expect('owned');
  using locks = new RunLocks(paths);
  assert.equal(locks.tryOwn('A'), undefined);
  sweepDrivers(paths.locks);
  assert.equal(Lock.isHeld(paths.runLock('A')), true, 'sweeping does not touch who lives');
  await driver.kill();
  sweepDrivers(paths.locks);
  using owned = locks.tryOwn('A');
  assert.ok(owned !== undefined);
  assert.deepEqual(readdirSync(paths.locks).filter((name) => name.startsWith('driver-')).length, 1);
});

test('a lock of its own, as before, or the name of a dead one is taken over when nobody holds it', async () => {
  using folder = new Folder();
  const paths = await homeIn(folder);
  using locks = new RunLocks(paths);
  writeFileSync(paths.runLock('A'), '');
  writeFileSync(join(paths.locks, 'driver-0123456789abcdef'), '');
  linkSync(join(paths.locks, 'driver-0123456789abcdef'), paths.runLock('B'));
  {
    using _held = Lock.tryAcquire(paths.runLock('A'));
    assert.equal(locks.tryOwn('A'), undefined);
  }
  for (const run of ['A', 'B']) {
    using owned = locks.tryOwn(run);
    assert.ok(owned !== undefined, run);
    assert.equal(Lock.isHeld(paths.runLock(run)), true);
  }
  assert.deepEqual(
    readdirSync(paths.locks).filter((name) => !name.startsWith('driver-')),
    [],
  );
});

test('of many processes that take a dead run over at a time, one at a time has it', async () => {
  using folder = new Folder();
  const paths = await homeIn(folder);
  const journal = folder.at('journal');
  {
    await using stack = new AsyncDisposableStack();
    const children = ['a', 'b', 'c', 'd'].map((name) => stack.use(new Child('contend.ts', 'run', paths.home, journal, name, '200')));
    for (const child of children) assert.equal(await child.status(), 0);
  }
  assert.ok(assertExclusive(readFileSync(journal, 'utf8')).size > 1);
});
