import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPS, semanticsOf } from '../../src/runner/ops.ts';

test('what costs how much fuel is part of the keys of tasks with limited fuel, and of no others', () => {
  assert.equal(semanticsOf('wasi/run', {}), 1, 'what was filed before the host’s work cost fuel is still found');
  assert.equal(semanticsOf('wasi/run', { fuel: 5 }), 2);
  assert.equal(semanticsOf('wasm/run', { fuel: 5 }), OPS['wasm/run']!.semantics);
  assert.equal(semanticsOf('none/such', {}), 0);
});
