import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { encode } from '../../src/ipld/dag-cbor.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { locator } from '../../src/ledger/locator.ts';
import { FORMAT } from '../../src/ledger/schema.ts';
import { bytes, Child, Folder, key, receipt, resolved, run, runTask } from './helpers.ts';

const FORMAT_1 = readFileSync(new URL('fixtures/format-1.sql', import.meta.url), 'utf8');
const RUN = '01K00000000000000000000000';

/** A ledger of format 1 with two receipts under both keys, a run, and rows of keys whose receipt is not there. */
function makeFormat1(path: string): void {
  using db = new DatabaseSync(path);
  db.exec(FORMAT_1);
  const rows: [string, number][] = [
    ['first', 1],
    ['second', 2],
  ];
  for (const [text, id] of rows) {
    const { cid, instruction, invocation, at } = receipt(text);
    db.prepare('INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?)').run(
      id,
      at,
      locator(cid.bytes),
      cid.bytes,
      locator(instruction.bytes),
      instruction.bytes,
      invocation.bytes,
      bytes(text),
    );
  }
  for (const [text, id] of [...rows, ['dangling', 99] as const]) {
    db.prepare('INSERT INTO declared VALUES (?, ?, ?, ?)').run(id, id, locator(key(`declared ${text}`)), key(`declared ${text}`));
    const preimage = encode({ text });
    db.prepare('INSERT INTO resolved VALUES (?, ?, ?, ?, ?, ?, ?)').run(
      id,
      id,
      locator(key(text)),
      key(text),
      key(`out of ${text}`),
      text,
      preimage,
    );
  }
  const { workflow } = run(RUN) as Extract<ReturnType<typeof run>, { kind: 'run' }>;
  db.prepare(`INSERT INTO runs VALUES (1, ?, 'old', ?, NULL, '{}', 'completed', 1, 2, NULL, NULL)`).run(RUN, workflow.bytes);
  const { instruction } = runTask(RUN, 0) as Extract<ReturnType<typeof runTask>, { kind: 'run-task' }>;
  db.prepare(`INSERT INTO run_tasks VALUES (1, 0, 'task', ?, 'ok', 'ran', 1, ?, 1, NULL)`).run(instruction.bytes, key('first'));
}

function formats(path: string): unknown[] {
  using db = new DatabaseSync(path, { readOnly: true });
  const { user_version } = db.prepare('PRAGMA user_version').get()!;
  return [
    user_version,
    db
      .prepare('SELECT format FROM formats ORDER BY format')
      .all()
      .map(({ format }) => format),
  ];
}

test('a ledger of format 1 is brought to this one with all it holds, and goes on', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  makeFormat1(path);
  {
    await using ledger = await Ledger.open(path);
    const [first, second] = ['first', 'second'].map((text) => receipt(text).cid);
    const found = (table: 'declared' | 'resolved', ...names: string[]): unknown[] =>
      ledger.memo(table, names.map(key)).map((row) => row && [row.isIntact, row.receipt]);
    assert.deepEqual(found('resolved', 'first', 'second', 'dangling'), [[true, first], [true, second], undefined]);
    assert.deepEqual(found('declared', 'declared first', 'declared second', 'declared dangling'), [
      [true, first],
      [true, second],
      undefined,
    ]);
    assert.equal(ledger.key(key('second'))?.label, 'second');
    assert.deepEqual([ledger.run(RUN)?.state, ledger.runTask(RUN, 0)?.receipt], ['completed', first]);

    const { conflicts } = await ledger.commit([receipt('third'), resolved('third', 'third', 'x'), resolved('first', 'third', 'another')]);
    assert.deepEqual(
      conflicts.map(({ kept }) => kept),
      [first],
    );
    assert.deepEqual(found('resolved', 'third'), [[true, receipt('third').cid]]);
    assert.deepEqual(await ledger.check(), []);
    // What later formats brought is empty, and may be used.
    assert.deepEqual([ledger.trust(), ledger.refusals(1), ledger.mark('x')], [[], [], undefined]);
    assert.deepEqual(new Set(ledger.filedAfter('declared', 0, 10).map(({ heardOf }) => heardOf)), new Set([null]));
  }
  assert.deepEqual(formats(path), [FORMAT, Array.from({ length: FORMAT }, (_, i) => i + 1)]);
  await using again = await Ledger.open(path);
  assert.equal(again.memo('resolved', [key('first')])[0]?.isIntact, true);
});

test('processes that open a ledger of format 1 at once bring it over once', async () => {
  using folder = new Folder();
  const path = folder.at('ledger');
  makeFormat1(path);
  await using stack = new AsyncDisposableStack();
  const children = ['a', 'b', 'c'].map((name) => stack.use(new Child('commit-loop.ts', path, name, '3')));
  for (const child of children) assert.equal(await child.status(), 0);
  assert.deepEqual(formats(path), [FORMAT, Array.from({ length: FORMAT }, (_, i) => i + 1)]);
  await using ledger = await Ledger.open(path);
  assert.equal(ledger.memo('resolved', [key('first')])[0]?.isIntact, true);
});
