import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ipld, IpldMap } from '../../src/ipld/value.ts';
import { checkTask } from '../../src/workflow/check-task.ts';
import { grantsOf } from '../../src/workflow/grants.ts';
import type { Task } from '../../src/workflow/model.ts';

const CALL = { func: 'f', args: [] };

function task(op: string, input: Ipld, meta: IpldMap = {}): Task {
  return { run: { rsc: 'a.wasm', op, input, nnc: '' }, cause: null, meta, prf: [] };
}

test('grants stand in the input of wasi/run and in the meta of wasm/run, and nowhere else', () => {
  assert.deepEqual(grantsOf(task('wasi/run', { grant: ['clock', 'random'] })), ['clock', 'random']);
  assert.deepEqual(grantsOf(task('wasm/run', CALL, { grant: ['clock', 'random'] })), ['clock', 'random']);
  for (const none of [
    task('wasi/run', {}),
    task('wasi/run', {}, { grant: ['clock'] }),
    task('wasm/run', CALL),
    task('wasm/run', { ...CALL, grant: ['clock'] }),
  ])
    assert.deepEqual(grantsOf(none), []);
});

test('whatever would not count is refused', () => {
  const check = (made: Task): void => checkTask(made, ['wasi/run', 'wasm/run']);
  check(task('wasm/run', CALL, { grant: ['clock', 'random'] }));
  check(task('wasm/run', CALL, { grant: [] }));
  for (const grant of [['random', 'clock'], ['clock', 'clock'], ['network'], 'clock', null, { clock: true }, [['clock']]])
    assert.throws(() => check(task('wasm/run', CALL, { grant })), {
      code: 'WORKFLOW_INVALID',
      message: /"grant" in meta must be a sorted list of/,
    });
  assert.throws(() => check(task('wasi/run', {}, { grant: ['clock'] })), {
    code: 'WORKFLOW_INVALID',
    message: /"grant" in meta is for wasm\/run/,
  });
  assert.throws(() => check(task('wasm/run', { ...CALL, grant: ['clock'] })), { code: 'WORKFLOW_INVALID', next: /Put it into "meta"/ });
});
