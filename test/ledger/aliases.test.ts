import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { Folder } from './helpers.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const alias = Cid.ofUnixFs(bytes('a node'));
const other = Cid.ofUnixFs(bytes('another'));
const [first, second] = [Cid.ofBlob(bytes('first')), Cid.ofBlob(bytes('second'))];

test('a blob is found by its other name, the last one given stays, and nothing else is found', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  {
    await using ledger = await Ledger.open(path);
    await ledger.commit([{ kind: 'alias', alias, blob: first, isPlain: true }]);
    assert.deepEqual(ledger.alias(alias), first);
    assert.equal(ledger.alias(other), undefined);
    await ledger.commit([{ kind: 'alias', alias, blob: second, isPlain: false }]);
  }
  await using ledger = await Ledger.open(path);
  assert.deepEqual(ledger.alias(alias), second);
  assert.deepEqual(
    [...ledger.allAliases()].map((row) => [String(row.alias), String(row.blob), row.isPlain, row.isIntact]),
    [[alias.toString(), second.toString(), false, true]],
  );
});

test('a name that came to mean another blob says nothing', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  {
    await using ledger = await Ledger.open(path);
    await ledger.commit([{ kind: 'alias', alias, blob: first, isPlain: true }]);
  }
  {
    using db = new DatabaseSync(path);
    db.prepare('UPDATE aliases SET blob = ?').run(second.bytes);
  }
  await using ledger = await Ledger.open(path);
  assert.equal(ledger.alias(alias), undefined);
  assert.deepEqual(
    [...ledger.allAliases()].map(({ isIntact }) => isIntact),
    [false],
  );
  await ledger.commit([{ kind: 'alias', alias, blob: first, isPlain: true }]);
  assert.deepEqual(ledger.alias(alias), first, 'filing it again mends it');
});
