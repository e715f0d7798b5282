import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inputOf } from '../../src/workflow/result-literal.ts';

test('a result among the arguments of wasm/run stands for what it holds', () => {
  const args = [['ok', 1], ['error', { code: 'trap' }], ['just', [2]], 3];
  assert.deepEqual(inputOf({ op: 'wasm/run', input: { func: 'f', args } }), { func: 'f', args: [1, { code: 'trap' }, [2], 3] });
});

test('nothing else is taken for one', () => {
  const args = [['ok'], ['ok', 1, 2], ['okay', 1], [['ok', 1]], { a: ['ok', 1] }, 'ok'];
  const input = { func: 'f', args };
  assert.equal(inputOf({ op: 'wasm/run', input }), input);
  const command = { args: [['ok', 'x']] };
  assert.equal(inputOf({ op: 'wasi/run', input: command }), command);
  assert.equal(inputOf({ op: 'wasm/run', input: 'no map' }), 'no map');
});
