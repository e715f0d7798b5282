import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { bytes, Child, Folder, hex, key, receipt } from './helpers.ts';

const NO_LOCKS = !existsSync('/proc/locks') && 'there is no /proc';

/** Everything that was committed together with the receipt `text`. */
function assertFiled(ledger: Ledger, text: string): void {
  const { cid } = receipt(text);
  assert.deepEqual(ledger.receipt(cid)?.bytes, bytes(text), text);
  assert.deepEqual(ledger.memo('resolved', [key(text)])[0]?.receipt, cid, text);
  assert.deepEqual(ledger.memo('declared', [key(`declared ${text}`)])[0]?.receipt, cid, text);
  assert.deepEqual(ledger.small.get(hex(bytes(`blob of ${text}`))), bytes(`blob of ${text}`), text);
}

test('several processes create, write and read one ledger at once', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  const count = 150;
  {
    await using stack = new AsyncDisposableStack();
    const children = ['a', 'b', 'c'].map((name) => stack.use(new Child('commit-loop.ts', path, name, String(count))));
    await using ledger = await Ledger.open(path);
    await Promise.all(
      children.map(async (child) => {
        for (let i = 0; i < count; i++) assertFiled(ledger, (await child.line())!);
        assert.equal(await child.status(), 0);
      }),
    );
    assert.deepEqual(await ledger.check(), []);
  }
  assert.deepEqual(readdirSync(folder.path), ['ledger'], 'no log is left behind');
});

test('what was acknowledged before kill -9 is there, over many rounds', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  const acknowledged: string[] = [];
  for (let round = 0; round < 6; round++) {
    await using child = new Child('commit-loop.ts', path, `round ${round}`);
    for (let left = randomInt(60); left > 0; left--) acknowledged.push((await child.line())!);
    await child.kill();
    for (let text = await child.line(); text !== undefined; text = await child.line()) acknowledged.push(text);
    await using ledger = await Ledger.open(path);
    assert.deepEqual(await ledger.check(), []);
    for (const text of acknowledged) assertFiled(ledger, text);
    for (const { digest } of ledger.small.list()) assert.ok(ledger.small.get(digest));
  }
});

test('while another process writes, commits wait in their thread and reads go on', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  await using ledger = await Ledger.open(path);
  await ledger.commit([receipt('before')]);
  await using holder = new Child('hold-write-lock.ts', path);
  await holder.expect('held');
  let settled = false;
  const commit = ledger.commit([receipt('waits')]).finally(() => (settled = true));
  assert.deepEqual(ledger.receipt(receipt('before').cid)?.bytes, bytes('before'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(settled, false);
  holder.say('let go');
  await holder.expect('free');
  await commit;
  assert.deepEqual(ledger.receipt(receipt('waits').cid)?.bytes, bytes('waits'));
});

test('a killed holder of the write lock holds nobody up', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  await using ledger = await Ledger.open(path);
  await using holder = new Child('hold-write-lock.ts', path);
  await holder.expect('held');
  const commit = ledger.commit([receipt('waits')]);
  await holder.kill();
  await commit;
});

test('waiting for another process ends', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  await using ledger = await Ledger.open(path, { patience: 30 });
  await using holder = new Child('hold-write-lock.ts', path);
  await holder.expect('held');
  await assert.rejects(ledger.commit([receipt('waits')]), (error) => isDocketError(error, 'LEDGER_BUSY'));
});

test('a holder that stands still is waited for no longer than a moment, and named', { skip: NO_LOCKS }, async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  await using ledger = await Ledger.open(path);
  await using holder = new Child('hold-write-lock.ts', path);
  await holder.expect('held');
  await holder.suspend();
  const named = (error: unknown): boolean => isDocketError(error, 'LEDGER_BUSY') && error.details['process'] === holder.process.pid;
  await assert.rejects(ledger.commit([receipt('waits')]), named);
  await holder.goOn();
});

test('held back, nothing is begun and what was begun is done', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  ledger.warm();
  const before = ledger.commit([receipt('before')]);
  let settled = false;
  let during: Promise<unknown>;
  {
    using _ = await ledger.hold();
    during = ledger.commit([receipt('during')]);
    void during.then(() => (settled = true));
    using other = new DatabaseSync(folder.at('ledger'));
    other.exec('BEGIN IMMEDIATE; ROLLBACK');
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(settled, false);
  }
  await Promise.all([before, during]);
  assert.deepEqual(ledger.receipt(receipt('during').cid)?.bytes, bytes('during'));
});
