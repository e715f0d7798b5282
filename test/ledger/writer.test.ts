import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import { addRows } from '../../src/ledger/change.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { Writer } from '../../src/ledger/writer.ts';
import { Folder, key, receipt, resolved, run, runTask, small } from './helpers.ts';

const failed = (error: unknown): boolean => isDocketError(error, 'LEDGER_FAILED');

test('commits settle, and become visible, in the order they were made', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  const order: number[] = [];
  await ledger.commit([run('R')]);
  await Promise.all(
    Array.from({ length: 300 }, async (_, i) => {
      // Some calls are made while a batch is being written.
      for (let turns = i % 3; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
      const commit = ledger.commit([runTask('R', 0, { attempts: i }), runTask('R', i + 1)]);
      const made = order.push(-1) - 1;
      await commit;
      order[made] = order.filter((at) => at >= 0).length;
      assert.equal(ledger.runTask('R', i + 1)?.index, i + 1, 'durable means visible');
    }),
  );
  assert.deepEqual(
    order,
    order.map((_, i) => i),
  );
});

test('of rows under one key the one committed first is first', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  const names = Array.from({ length: 50 }, (_, i) => `r${i}`);
  const results = await Promise.all(names.map((name) => ledger.commit([receipt(name), resolved('k', name, name)])));
  assert.deepEqual(
    results.map(({ conflicts }) => conflicts.length),
    names.map((_, i) => (i === 0 ? 0 : 1)),
  );
  assert.deepEqual(ledger.memo('resolved', [key('k')])[0]?.receipt, receipt('r0').cid);
});

test('a commit that cannot be packed leaves its neighbors alone', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  const one = ledger.commit([receipt('one')]);
  const bad = ledger.commit([receipt('bad'), { kind: 'run-update', run: 'R', state: 'failed', outputs: { x: Number.NaN } }]);
  const two = ledger.commit([receipt('two')]);
  await assert.rejects(bad, (error) => isDocketError(error, 'IPLD_INVALID'));
  await Promise.all([one, two]);
  assert.deepEqual(
    ['one', 'bad', 'two'].map((text) => ledger.receipt(receipt(text).cid) !== undefined),
    [true, false, true],
  );
});

test('an empty commit resolves, and so does disposing with commits under way', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  const ledger = await Ledger.open(path);
  assert.deepEqual(await ledger.commit([]), { conflicts: [] });
  const late = ledger.commit([receipt('late')]);
  await Promise.all([ledger[Symbol.asyncDispose](), late]);
  await assert.rejects(ledger.commit([receipt('too late')]), failed);
  await using again = await Ledger.open(path);
  assert.notEqual(again.receipt(receipt('late').cid), undefined);
});

test('a thread that dies fails what waits and what comes later, with the cause', async () => {
  await using writer = new Writer({ path: '/nowhere/ledger', entry: new URL('fixtures/dying-thread.ts', import.meta.url) });
  writer.warm();
  await writer.write((add) => add([1]));
  const waiting = [writer.write((add) => add([2])), writer.check(), writer.write((add) => add([3]))];
  for (const call of await Promise.allSettled(waiting)) {
    assert.equal(call.status, 'rejected');
    assert.ok(failed(call.reason));
    assert.match(String((call.reason as Error).cause), /out of luck/);
  }
  await assert.rejects(
    writer.write((add) => add([4])),
    failed,
  );
  await writer.flush();
});

test('so does a thread that leaves', async () => {
  await using writer = new Writer({ path: '/nowhere/ledger', entry: new URL('fixtures/leaving-thread.ts', import.meta.url) });
  writer.warm();
  await assert.rejects(
    writer.write((add) => add([1])),
    failed,
  );
});

/** A writer on a ledger that is there, whose thread leaves at once: what is written was written without it. */
async function threadless(path: string): Promise<Writer> {
  await (await Ledger.open(path))[Symbol.asyncDispose]();
  return new Writer({ path, entry: new URL('fixtures/leaving-thread.ts', import.meta.url) });
}

test('the first few batches are written without a thread', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  const texts = Array.from({ length: 8 }, (_, i) => `receipt ${i}`);
  {
    await using writer = await threadless(path);
    for (const text of texts) await writer.write((add) => addRows(receipt(text), add));
    await assert.rejects(
      writer.write((add) => addRows(receipt('one too many'), add)),
      failed,
    );
  }
  await using ledger = await Ledger.open(path);
  for (const text of texts) assert.notEqual(ledger.receipt(receipt(text).cid), undefined);
});

test('a large batch is left to the thread', async () => {
  using folder = new Folder();
  await using writer = await threadless(folder.at('ledger'));
  await assert.rejects(
    writer.write((add) => addRows(small(...Array.from({ length: 20 }, (_, i) => String(i).padEnd(4_000))), add)),
    failed,
  );
});

test('what fails without a thread fails as it does with one', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  await using writer = await threadless(path);
  const dangling = writer.write((add) => addRows(runTask('no such run', 0), add));
  await assert.rejects(dangling, (error) => isDocketError(error, 'INTERNAL'));
  await assert.rejects(
    writer.write((add) => addRows(receipt('later'), add)),
    (error) => isDocketError(error, 'INTERNAL'),
  );
});

test('the thread may be started ahead', async () => {
  using folder = new Folder();
  await using ledger = await Ledger.open(folder.at('ledger'));
  ledger.warm();
  ledger.warm();
  await ledger.commit([receipt('one')]);
});
