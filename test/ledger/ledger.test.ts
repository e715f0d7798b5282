import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import fc from 'fast-check';
import { isDocketError } from '../../src/errors.ts';
import * as Cid from '../../src/ipld/cid.ts';
import type { Change } from '../../src/ledger/change.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { bytes, Folder, hex, key, receipt, resolved, run, runTask, small } from './helpers.ts';

test('receipts and what they are filed under', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  const { cid, instruction, invocation, at } = receipt('one');
  await ledger.commit([
    receipt('one'),
    resolved('task', 'one', 'x'),
    { kind: 'memo', table: 'declared', key: key('declared'), receipt: cid },
  ]);
  assert.deepEqual(ledger.receipt(cid), { cid, instruction, invocation, at, bytes: bytes('one') });
  assert.equal(ledger.receipt(receipt('other').cid), undefined);
  assert.deepEqual(ledger.memo('resolved', [key('task'), key('other')]), [
    { receipt: cid, bytes: bytes('one'), isIntact: true },
    undefined,
  ]);
  assert.deepEqual(ledger.memo('declared', [key('task'), key('declared')]), [
    undefined,
    { receipt: cid, bytes: bytes('one'), isIntact: true },
  ]);
  const row = { key: key('task'), preimage: bytes('preimage of task'), receipt: cid, instruction, label: 'task', at };
  assert.deepEqual(ledger.key(key('task')), row);
  const filed = { receipt: { cid, bytes: bytes('one') }, isIntact: true };
  const rows = [
    { ...filed, table: 'declared', key: Uint8Array.from(key('declared')), made: undefined },
    {
      ...filed,
      table: 'resolved',
      key: Uint8Array.from(key('task')),
      made: { out: Uint8Array.from(key('x')), label: 'task', preimage: bytes('preimage of task') },
    },
  ];
  assert.deepEqual(ledger.keysOfReceipt(cid), rows);
  assert.deepEqual([...ledger.allKeys('declared'), ...ledger.allKeys('resolved')], rows);
  assert.deepEqual([...ledger.allReceipts()], [{ id: 1, row: ledger.receipt(cid) }]);
  assert.equal(ledger.key(key('declared')), undefined);
});

test('the first result under a key stays; another outcome is kept, reported and recorded', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  assert.deepEqual(await ledger.commit([receipt('one'), resolved('task', 'one', 'x')]), { conflicts: [] });
  assert.deepEqual(await ledger.commit([receipt('same'), resolved('task', 'same', 'x')]), { conflicts: [] });
  const conflict = { key: key('task'), kept: receipt('one').cid, other: receipt('two').cid };
  const [, found, later] = await Promise.all([
    ledger.commit([receipt('beside')]),
    ledger.commit([receipt('two'), resolved('task', 'two', 'y')]),
    ledger.commit([receipt('later')]),
  ]);
  assert.deepEqual(found, { conflicts: [conflict] });
  assert.deepEqual(later, { conflicts: [] }, 'told only to who made it');
  await ledger.commit([resolved('task', 'two', 'y')]);
  assert.deepEqual(ledger.conflicts(10), [conflict], 'recorded once');
  assert.deepEqual(ledger.memo('resolved', [key('task')])[0]?.receipt, receipt('one').cid);
  assert.deepEqual(ledger.receipt(receipt('two').cid)?.bytes, bytes('two'));
  assert.deepEqual(await ledger.commit([resolved('task', 'two', 'y', true)]), { conflicts: [] });
  assert.deepEqual(ledger.memo('resolved', [key('task')])[0]?.receipt, receipt('two').cid, 'unless it is replaced');
});

test('a declared key leads to the first receipt, unless it is replaced', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  const declare = (text: string, replace?: boolean) => [
    receipt(text),
    { kind: 'memo', table: 'declared', key: key('k'), receipt: receipt(text).cid, ...(replace === undefined ? {} : { replace }) } as const,
  ];
  await ledger.commit(declare('one'));
  assert.deepEqual(await ledger.commit(declare('two')), { conflicts: [] });
  assert.deepEqual(ledger.memo('declared', [key('k')])[0]?.receipt, receipt('one').cid);
  await ledger.commit(declare('three', true));
  assert.deepEqual(ledger.memo('declared', [key('k')])[0]?.receipt, receipt('three').cid);
});

test('names that share an index entry are told apart', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  const twins = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(1).fill(2, 0, 20)];
  for (const [i, twin] of twins.entries()) {
    await ledger.commit([receipt(`r${i}`), { kind: 'memo', table: 'declared', key: twin, receipt: receipt(`r${i}`).cid }]);
  }
  assert.deepEqual(
    ledger.memo('declared', twins).map((row) => row?.bytes),
    [bytes('r0'), bytes('r1')],
  );
});

test('keys to compare with: same instruction first, then same label, newest first', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  for (const [name, instruction, label] of [
    ['a', 'I', 'top'],
    ['b', 'J', 'top'],
    ['c', 'I', 'other'],
    ['d', 'K', 'elsewhere'],
    ['e', 'L', 'top'],
  ] as const) {
    await ledger.commit([receipt(name, instruction), { ...resolved(name, name, name), label } as ReturnType<typeof resolved>]);
  }
  const like = { instruction: receipt('x', 'I').instruction, label: 'top' };
  const texts = (limit: number) => ledger.similarKeys(like, limit).map((row) => Buffer.from(row.preimage).toString());
  assert.deepEqual(texts(10), ['preimage of c', 'preimage of a', 'preimage of e', 'preimage of b']);
  assert.deepEqual(texts(3), ['preimage of c', 'preimage of a', 'preimage of e']);
  assert.deepEqual(texts(1), ['preimage of c']);
  assert.deepEqual(
    ledger.receiptsOfInstruction(like.instruction, 10).map((row) => Buffer.from(row.bytes).toString()),
    ['c', 'a'],
  );
});

test('small blobs are verified when read, healed by the next put, and deleted', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  await using ledger = await Ledger.open(path);
  await ledger.small.put(small('hello', '').blobs);
  assert.deepEqual(ledger.small.get(hex(bytes('hello'))), bytes('hello'));
  assert.deepEqual(ledger.small.get(hex(bytes(''))), bytes(''));
  assert.equal(ledger.small.get(hex(bytes('absent'))), undefined);
  {
    using other = new DatabaseSync(path);
    other.prepare('UPDATE small SET bytes = ? WHERE length(bytes) = 5').run(bytes('jello'));
  }
  assert.equal(ledger.small.get(hex(bytes('hello'))), undefined);
  await ledger.small.put(small('hello').blobs);
  assert.deepEqual(ledger.small.get(hex(bytes('hello'))), bytes('hello'));
  assert.deepEqual([...ledger.small.list()].map(({ size }) => size).toSorted(), [0, 5]);
  await ledger.small.delete([hex(bytes('hello')), hex(bytes('absent'))]);
  assert.deepEqual([...ledger.small.list()], [{ digest: hex(bytes('')), size: 0 }]);
});

test('everything held is listed, however much', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  const texts = Array.from({ length: 2_500 }, (_, i) => `blob ${i}`);
  await ledger.commit([small(...texts), run('R'), ...texts.map((_, i) => runTask('R', i))]);
  assert.equal(new Set([...ledger.small.list()].map(({ digest }) => digest)).size, 2_500);
  assert.deepEqual(
    Array.from(ledger.runTasks('R'), ({ index }) => index),
    texts.map((_, i) => i),
  );
});

test('input files: any 64-bit numbers', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const row = fc.record(
    { dev: int64, ino: int64, size: int64, mtimeNs: int64, ctimeNs: int64, checkedAt: fc.nat(), digest: fc.constant(hex(bytes('x'))) },
    { noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(row, async (stat) => {
      await ledger.statTable.put([{ ...stat, size: 1n }, stat]);
      assert.deepEqual(ledger.statTable.get([stat]), [stat]);
    }),
    { numRuns: 20 },
  );
  assert.deepEqual(ledger.statTable.get([{ dev: 1n, ino: 12_345n }]), [undefined]);
});

test('a run from its start to its end', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  const plan = Cid.ofBlob(bytes('plan'));
  await ledger.commit([{ ...run('01B', 'demo'), plan } as ReturnType<typeof run>, run('01A'), run('02A')]);
  const begun = ledger.run('01B')!;
  assert.equal(begun.state, 'running');
  const none = { total: 3, ran: 0, cached: 0, failed: 0, skipped: 0, cancelled: 0 };
  assert.deepEqual([begun.plan, begun.options, begun.finished, begun.counts, begun.outputs], [plan, { slots: 2 }, null, none, null]);
  const counts = { total: 3, ran: 1, cached: 1, failed: 0, skipped: 1, cancelled: 0 };
  await ledger.commit([
    receipt('r'),
    runTask('01B', 2, { state: 'skipped', via: null, attempts: 0, cause: 0 }),
    runTask('01B', 0, { state: 'cancelled', via: null }),
    runTask('01B', 0, { receipt: receipt('r').cid, key: key('k'), attempts: 2 }),
    { kind: 'run-update', run: '01B', state: 'completed', finished: 5, counts, outputs: { top: plan } },
  ]);
  const { state, finished, outputs } = ledger.run('01B')!;
  assert.deepEqual([state, finished, ledger.run('01B')!.counts, outputs], ['completed', 5, counts, { top: plan }]);
  assert.deepEqual(
    Array.from(ledger.runTasks('01B'), ({ index, state: end, attempts, cause }) => [index, end, attempts, cause]),
    [
      [0, 'ok', 2, null],
      [2, 'skipped', 0, 0],
    ],
  );
  assert.deepEqual(ledger.runTask('01B', 0)?.receipt, receipt('r').cid);
  assert.deepEqual(ledger.runTask('01B', 0)?.key, key('k'));
  assert.equal(ledger.runTask('01B', 1), undefined);
  assert.deepEqual(ledger.runTally('01B'), [
    { state: 'ok', via: 'ran', count: 1 },
    { state: 'skipped', via: null, count: 1 },
  ]);
  await ledger.commit([{ kind: 'run-update', run: '01B', state: 'running', finished: null }]);
  assert.deepEqual([ledger.run('01B')!.finished, ledger.run('01B')!.counts], [null, counts]);
});

test('a state that was to change from another stays as it is', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  await ledger.commit([run('01A'), run('01B'), { kind: 'run-update', run: '01A', state: 'completed', finished: 5 }]);
  const cancel = (id: string): Change => ({
    kind: 'run-update',
    run: id,
    state: 'cancelled',
    from: ['running', 'interrupted'],
    finished: 9,
  });
  await ledger.commit([cancel('01A'), cancel('01B')]);
  assert.deepEqual([ledger.run('01A')!.state, ledger.run('01A')!.finished], ['completed', 5]);
  assert.deepEqual([ledger.run('01B')!.state, ledger.run('01B')!.finished], ['cancelled', 9]);
});

test('finding runs', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  await ledger.commit(['01A', '01B', '02Z', '02C'].map((id) => run(id)));
  await ledger.commit([{ kind: 'run-update', run: '01B', state: 'failed' }]);
  const ids = (rows: readonly { run: string }[]) => rows.map((row) => row.run);
  assert.deepEqual(ids(ledger.runs({ limit: 3 })), ['02Z', '02C', '01B']);
  assert.deepEqual(ids(ledger.runs({ limit: 3, before: '02C' })), ['01B', '01A']);
  assert.deepEqual(ids(ledger.runs({ limit: 9, state: 'running' })), ['02Z', '02C', '01A']);
  assert.deepEqual(ids(ledger.runsWithPrefix('02', 9)), ['02Z', '02C']);
  assert.deepEqual(ids(ledger.runsWithPrefix('02z', 9)), ['02Z']);
  assert.deepEqual(ids(ledger.runsWithPrefix('%', 9)), []);
  assert.equal(ledger.run('03'), undefined);
  assert.deepEqual([...ledger.runTasks('03')], []);
});

test('a row that names what is not there is refused, with the whole commit', async () => {
  using folder = new Folder();
  for (const change of [
    resolved('task', 'nowhere', 'x'),
    runTask('no such run', 0),
    { kind: 'run-update', run: 'no such run', state: 'failed' } as const,
  ]) {
    await using ledger = await Ledger.open(folder.at('ledger'));
    await assert.rejects(ledger.commit([receipt('with it'), change]), (error) => isDocketError(error, 'INTERNAL'));
    assert.equal(ledger.receipt(receipt('with it').cid), undefined);
  }
});
