import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { Ledger } from '../../src/ledger/ledger.ts';
import { Folder, receipt, small } from './helpers.ts';

/** What becomes of the write-ahead log when nobody has the ledger open any more. */

test('a few rows stay in the log, and whoever opens the ledger next has them', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  await (await Ledger.open(path))[Symbol.asyncDispose]();
  const empty = readFileSync(path);
  for (const name of ['one', 'two']) {
    await using ledger = await Ledger.open(path);
    await ledger.commit([receipt(name)]);
  }
  assert.deepEqual(readFileSync(path), empty, 'nothing was moved');
  await using ledger = await Ledger.open(path);
  assert.notEqual(ledger.receipt(receipt('one').cid), undefined);
  assert.notEqual(ledger.receipt(receipt('two').cid), undefined);
});

test('a long log is moved into the ledger and removed', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  {
    await using ledger = await Ledger.open(path);
    await ledger.commit([small(...Array.from({ length: 300 }, (_, i) => String(i).padEnd(4_000)))]);
    assert.ok(statSync(`${path}-wal`).size > 1_000_000);
  }
  assert.equal(existsSync(`${path}-wal`), false);
  assert.ok(statSync(path).size > 1_000_000);
});
