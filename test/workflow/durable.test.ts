import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { checkMeta } from '../../src/workflow/check-task.ts';
import { durableFromMeta } from '../../src/workflow/durable.ts';
import { compileText } from './helpers.ts';

test('that an output is to be durable counts in the task, never in its instruction, and only if it is said', async () => {
  const texts = ['', '    durable: true\n', '    durable: 30d\n', '    durable: false\n'].map(
    (line) => `tasks:\n  t:\n    module: a.wasm\n${line}`,
  );
  const [plain, always, days, off] = (await Promise.all(texts.map((text) => compileText(text)))).map(({ tasks: [task] }) => task!);
  assert.deepEqual([plain!.task.meta, always!.task.meta, days!.task.meta], [{}, { durable: true }, { durable: 30 * 86_400_000 }]);
  assert.equal(off!.invocation.toString(), plain!.invocation.toString(), 'off is the same as nothing');
  assert.equal(new Set([plain, always, days].map((task) => task!.instruction.toString())).size, 1);
  assert.equal(new Set([plain, always, days].map((task) => task!.invocation.toString())).size, 3);
});

test('what is no such wish is refused', () => {
  const wrong: readonly Ipld[] = ['false', null, 0, -1, 59_999, 60_000.5, '30d', [], {}, 2 ** 53, 3_651 * 86_400_000];
  for (const durable of wrong) {
    assert.throws(
      () => checkMeta('wasi/run', { durable }),
      (error) => isDocketError(error, 'WORKFLOW_INVALID'),
      JSON.stringify(durable),
    );
  }
  for (const durable of [true, 60_000, 3_650 * 86_400_000]) assert.equal(durableFromMeta({ durable }), durable);
  assert.equal(durableFromMeta({}), undefined);
  checkMeta('wasi/run', { durable: false });
  assert.equal(durableFromMeta({ durable: false }), undefined);
});
