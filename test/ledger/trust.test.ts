import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import type { Change } from '../../src/ledger/change.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { DatabaseSync } from 'node:sqlite';
import { Folder, key, receipt, resolved } from './helpers.ts';

const LIAR = 'did:key:liar';

function declared(text: string, more: { readonly heardOf?: string } = {}): Change[] {
  const filed = receipt(text);
  return [filed, { kind: 'memo', table: 'declared', key: key(`declared ${text}`), receipt: filed.cid, ...more }];
}

const distrust: Change = { kind: 'trust', did: LIAR, verdict: 'distrusted', name: null, why: 'it lied', at: 5, evidence: ['bafyone'] };

test('what is thought of an agent is kept over a restart; the last word counts, and its name stays', async () => {
  using folder = new Folder();
  {
    await using ledger = await Ledger.open(folder.at('ledger'));
    assert.deepEqual(ledger.trust(), []);
    await ledger.commit([{ kind: 'trust', did: LIAR, verdict: 'trusted', name: 'lab 3', why: 'added by hand', at: 4, evidence: [] }]);
    await ledger.commit([distrust]);
  }
  await using ledger = await Ledger.open(folder.at('ledger'));
  assert.deepEqual(ledger.trust(), [{ did: LIAR, verdict: 'distrusted', name: 'lab 3', why: 'it lied', at: 5, evidence: ['bafyone'] }]);
});

test('with whoever is distrusted all short cuts go, and what comes after them has other numbers', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  await ledger.commit([...declared('one'), ...declared('two', { heardOf: LIAR }), { kind: 'mark', name: 'declared lab', value: 2 }]);
  assert.deepEqual(
    ledger.filedAfter('declared', 0, 10).map(({ id, heardOf }) => [id, heardOf]),
    [
      [1, null],
      [2, LIAR],
    ],
  );
  await ledger.commit([distrust]);
  assert.deepEqual(ledger.memo('declared', [key('declared one')]), [undefined]);
  assert.equal(ledger.lastRow('declared'), 2);
  await ledger.commit(declared('three'));
  assert.deepEqual([ledger.filedAfter('declared', ledger.mark('declared lab')!, 10).length, ledger.lastRow('declared')], [1, 3]);
  await ledger.commit([distrust, distrust, ...declared('four')]);
  assert.deepEqual(
    ledger.filedAfter('declared', 0, 10).map(({ id }) => id),
    [4],
  );
});

test('no row takes the number of one that was forgotten, or the place of one that was told', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  const [one, two] = [receipt('one'), receipt('two')];
  await ledger.commit([one, resolved('one', 'one', 'x'), { kind: 'mark', name: 'resolved lab', value: 1 }]);
  await ledger.commit([{ kind: 'memo-forget', receipt: one.cid }]);
  await ledger.commit([two, resolved('two', 'two', 'x'), { kind: 'mark', name: 'resolved lab', value: 2 }]);
  assert(ledger.filedAfter('resolved', 1, 10)[0]!.receipt!.cid.equals(two.cid));
  const three = receipt('three');
  await ledger.commit([three, resolved('two', 'three', 'y', true)]);
  const after = ledger.filedAfter('resolved', ledger.mark('resolved lab')!, 10);
  assert.deepEqual(
    after.map(({ id, receipt: row }) => [id, row!.cid.equals(three.cid)]),
    [[3, true]],
  );
});

test('refusals are added up by issuer and reason', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  const refusal = { kind: 'refusal', issuer: LIAR, reason: 'forged' } as const;
  await ledger.commit([{ ...refusal, count: 2, message: 'first', at: 1 }]);
  await ledger.commit([
    { ...refusal, count: 3, message: 'last', at: 2 },
    { ...refusal, reason: 'other', count: 1, message: 'x', at: 3 },
  ]);
  assert.deepEqual(ledger.refusals(10), [
    { issuer: LIAR, reason: 'other', count: 1, message: 'x', at: 3 },
    { issuer: LIAR, reason: 'forged', count: 5, message: 'last', at: 2 },
  ]);
  assert.equal(ledger.refusals(1).length, 1);
});

test('a damaged word about an agent is an error, and not trust', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  await ledger.commit([distrust]);
  for (const damage of [`verdict = 'trustes'`, `verdict = 'trusted', evidence = '{'`]) {
    using db = new DatabaseSync(folder.at('ledger'));
    db.exec(`UPDATE trust SET ${damage}`);
    assert.throws(
      () => ledger.trust(),
      (error) => isDocketError(error, 'LEDGER_DAMAGED'),
    );
  }
});

test('a declared row that was replaced is told anew', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  await ledger.commit([...declared('one'), ...declared('two')]);
  const another = receipt('another');
  await ledger.commit([another, { kind: 'memo', table: 'declared', key: key('declared one'), receipt: another.cid, replace: true }]);
  const rows = ledger.filedAfter('declared', 2, 10);
  assert.deepEqual(
    rows.map(({ receipt: row }) => String(row!.cid)),
    [String(another.cid)],
  );
  assert.equal(ledger.filedAfter('declared', 0, 10).length, 2);
});
